"""How the layers of a scenario are shown: the declarations of this folder, those of a service made once for each
typology touched.

`styles/`, `palettes.yml` and `cartes.yml` are those of `outputs.style`, where `{typologie}`, `{service}` (its short
name) and `{code}` (letters only) stand for the typology.
"""

from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from outputs.sheet.scheme import scheme
from outputs.style import Classes, LayerStyle, Look, Maps, Palettes
from pipeline.foundations.declared import checked, load
from pipeline.foundations.text import key

_HERE = Path(__file__).parent
_EACH = "{code}"


def code_of(typology: str) -> str:
    """A typology in letters, for the names of its layers."""
    return key(scheme().short(typology)).replace(" ", "_")


def look_of(typologies: Sequence[str], mapped: Sequence[str], layers: Collection[str]) -> Look:
    """Layers, colours and maps of a scenario.

    Args:
        typologies: those it touches.
        mapped: those of them that have maps.
        layers: the layers there are: maps do without the others.
    """
    declared = [
        checked(LayerStyle, made, path)
        for path in sorted((_HERE / "styles").glob("*.yml"))
        for made in _made(_read(path), typologies)
    ]
    maps = _read(_HERE / "cartes.yml")
    groups = [made for group in maps["groupes"] for made in _made(group, typologies)]
    cards = [made for typology in mapped for card in maps["cartes"] for made in _made(card, [typology])]
    for card in cards:
        card["couches"] = [name for name in card["couches"] if name in layers]
    parts = {
        "couches": sorted(declared, key=lambda c: (c.ordre, c.couche)),
        "palettes": load(Palettes, _HERE / "palettes.yml"),
        "cartes": checked(Maps, maps | {"groupes": groups, "cartes": cards}, _HERE / "cartes.yml"),
    }
    return checked(Look, parts, _HERE)


@cache
def difference() -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Limits and colours of the classes of a difference of time, in minutes: those of the layer, for pictures too."""
    path = _HERE / "styles" / "ecart.yml"
    style = checked(Classes, _read(path)["style"], path)
    shades = load(Palettes, _HERE / "palettes.yml").shades(style.palette, len(style.limites) + 1)
    return style.limites, tuple(shades)


def _read(path: Path) -> dict[str, Any]:
    return load(dict[str, Any], path)


def _made(declared: Any, typologies: Sequence[str]) -> list[Any]:
    """A declaration as it is, or once for each typology when it speaks of one."""
    text = repr(declared)
    if _EACH not in text and "{service}" not in text:
        return [declared]
    return [_said(declared, typology) for typology in typologies]


def _said(declared: Any, typology: str) -> Any:
    """The declaration of a typology, its words put in."""
    match declared:
        case str():
            words = {"{typologie}": typology, "{service}": scheme().short(typology), _EACH: code_of(typology)}
            for mark, word in words.items():
                declared = declared.replace(mark, word)
            return declared
        case dict():
            return {name: _said(value, typology) for name, value in declared.items()}
        case list():
            return [_said(value, typology) for value in declared]
    return declared
