"""What a style comes to on a given layer: the entries of its legend, each with its colour, label and condition.

QML and SLD are two ways of writing this; neither belongs here.
"""

from dataclasses import dataclass
from itertools import pairwise

from outputs.style import Categories, Classes, LayerStyle, Palettes, Plain, Style
from quality.contract import Column, Contract

#: What a layer without a style of its own looks like.
DEFAULTS: dict[str, Style] = {
    "Point": Plain(type="uni", couleur="#5b7083", taille=2.0),
    "MultiPolygon": Plain(type="uni", couleur="#dfe3e6", contour="#7d8a94", epaisseur=0.15, opacite=0.8),
}
_OTHER = "#9a9a9a"


@dataclass(frozen=True)
class Entry:
    """One line of a legend.

    `value` is of a category (None: all other values). `low`, excluded, and `high`, included, bound a class; `unknown`
    is the class of null. `size`, in millimetres, is of points.
    """

    label: str
    colour: str | None
    value: str | None = None
    low: float | None = None
    high: float | None = None
    unknown: bool = False
    size: float = 0.0


def style_of(contract: Contract, declared: LayerStyle | None) -> Style | None:
    """The style declared, else the sober one of the layer's geometry; None for a table."""
    if contract.geometry is None:
        return None
    return declared.style if declared and declared.style else DEFAULTS[contract.geometry.type]


def entries(style: Style, contract: Contract, palettes: Palettes) -> list[Entry]:
    """The legend, from top to bottom.

    Raises:
        KeyError: the style names a column the layer has not.
    """
    match style:
        case Plain():
            return [Entry(contract.title, style.couleur, size=style.taille)]
        case Categories():
            after = _unit(contract.column(style.colonne))
            values = palettes.valeurs[style.palette].items()
            named = [Entry(v + after, colour, value=v, size=style.taille) for v, colour in values]
            return [*named, Entry(style.autres, _OTHER, size=style.taille)]
        case Classes():
            return _classes(style, contract, palettes)


def _classes(style: Classes, contract: Contract, palettes: Palettes) -> list[Entry]:
    column = contract.column(style.colonne)
    bounds = [None, *style.limites, None]
    shades = palettes.shades(style.palette, len(bounds) - 1)
    if style.inverse:
        shades.reverse()
    limits = list(pairwise(bounds))
    labels = style.libelles or [_label(low, high, column) + _unit(column) for low, high in limits]
    sizes = style.tailles or [style.taille] * len(limits)
    found = [
        Entry(label, shade, low=low, high=high, size=size)
        for (low, high), label, shade, size in zip(limits, labels, shades, sizes, strict=True)
    ]
    return [*found, Entry(style.libelle_inconnu, style.inconnu, unknown=True, size=style.taille)]


def _label(low: float | None, high: float | None, column: Column) -> str:
    if column.type == "entier":  # nothing stands between 2 and 3: "3 à 4" rather than "2 à 4"
        low = column.min if low is None else low + 1
        if low is not None and low == high:
            return _french(low)
        if low is not None and high is not None:
            return f"{_french(low)} à {_french(high)}"
        return f"{_french(low)} et plus" if low is not None else f"jusqu’à {_french(high)}"
    if low is None:
        return f"jusqu’à {_french(high)}"
    return f"{_french(low)} à {_french(high)}" if high is not None else f"plus de {_french(low)}"


def _unit(column: Column) -> str:
    return f" {column.unit}" if column.unit else ""


def _french(number: float | None) -> str:
    """Decimal comma, thousands apart, no useless zero."""
    return f"{number:,.10g}".replace(",", "\u202f").replace(".", ",")
