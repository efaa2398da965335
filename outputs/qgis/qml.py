"""The style of a layer as QGIS keeps it (QML): renderer, labels, names and value lists of its fields.

The same elements stand in a style file, in `layer_styles` and in the layers of a project.
"""

from collections.abc import Mapping
from xml.etree.ElementTree import Element

from outputs.qgis.legend import Entry, entries, style_of
from outputs.qgis.xml import DOCTYPE, QGIS, node, option, rgba, written
from outputs.style import Categories, Classes, Labels, LayerStyle, Palettes, Style
from quality.contract import Column, Contract

SHAPES = {"cercle": "circle", "carre": "square", "losange": "diamond", "triangle": "triangle", "etoile": "star"}
#: Stands for null in a renderer by classes, which draws no null: below any value of any column.
_NULL = -1e15
_BOUND = 1e15
_FONTS = ("Arial", "Liberation Sans", "DejaVu Sans")  # the first the machine has
_FARTHEST = 1_500_000
_AROUND = {"placement": 6, "dist": "1", "distUnits": "MM"}  # beside the symbol, where there is room
_INSIDE = {"placement": 4, "polygonPlacementFlags": 2}  # anywhere in the outline, off the points
# Labels come in as one zooms: at 1:100,000 towns of 64 inhabitants, at 1:250,000 of 1,000, at 1:1,000,000 of 64,000.
_SHOWN = 'coalesce("{0}", 1000) >= (@map_scale / 25000) ^ 3'
# Points shrink as one leaves: whole below 1:600,000, a third of it over a country.
_SHRUNK = "{0:g} * max(0.3, min(1, sqrt(600000 / @map_scale)))"
_FIRST = 'scale_linear(coalesce("{0}", 0), 0, 100000, 0, 10)'


def qml(contract: Contract, declared: LayerStyle | None, palettes: Palettes) -> str:
    """The style document of a layer."""
    root = node("qgis", {"version": QGIS, **layer_attributes(declared)}, *style_elements(contract, declared, palettes))
    return written(root, DOCTYPE)


def layer_attributes(declared: LayerStyle | None) -> dict[str, object]:
    """Attributes of the element that holds `style_elements`."""
    labels = int(bool(declared and declared.etiquettes))
    return {"styleCategories": "AllStyleCategories", "labelsEnabled": labels, "simplifyDrawingHints": 1}


def style_elements(contract: Contract, declared: LayerStyle | None, palettes: Palettes) -> list[Element]:
    """Everything QGIS reads a style from; a table without geometry has only its fields."""
    elements = []
    if (style := style_of(contract, declared)) is not None and contract.geometry is not None:
        elements = [_renderer(style, contract, palettes), node("blendMode", text="0"), node("layerOpacity", text="1")]
    if declared and declared.etiquettes:
        elements.append(_labels(declared.etiquettes, _is_point(contract)))
    fields = [c for c in contract.columns if c.type != "geometrie"]
    elements += [
        node("fieldConfiguration", {}, *map(_widget, fields)),
        node("aliases", {}, *(node("alias", {"field": c.name, "name": alias(c)}) for c in fields)),
    ]
    if declared and declared.affiche:
        elements.append(node("previewExpression", text=f'"{declared.affiche}"'))
    return elements


def alias(column: Column) -> str:
    """French title of a field, with its unit."""
    return f"{column.title} ({column.unit})" if column.unit else column.title


def _widget(column: Column) -> Element:
    if column.values and column.type == "texte":
        values = [{value: value} for value in dict.fromkeys(column.values)]
        widget = node("editWidget", {"type": "ValueMap"}, node("config", {}, option({"map": values})))
    else:
        widget = node("editWidget", {"type": ""}, node("config", {}, node("Option")))
    return node("field", {"name": column.name, "configurationFlags": "None"}, widget)


def _renderer(style: Style, contract: Contract, palettes: Palettes) -> Element:
    legend = entries(style, contract, palettes)
    # The first category of a palette, the most numerous, lies under the others; the largest points, under the small.
    sized = isinstance(style, Classes) and bool(style.tailles)
    levels = int((isinstance(style, Categories) or sized) and _is_point(contract))
    over = [len(legend) - 1 - i if sized else i for i in range(len(legend))]
    symbols = node("symbols", {}, *(_symbol(i, e, over[i], style, contract) for i, e in enumerate(legend)))
    common = {"enableorderby": 0, "symbollevels": levels, "forceraster": 0}
    match style:
        case Categories():
            return node(
                "renderer-v2",
                {"type": "categorizedSymbol", "attr": style.colonne, **common},
                node("categories", {}, *(_category(i, e) for i, e in enumerate(legend))),
                symbols,
            )
        case Classes():
            return node(
                "renderer-v2",
                {
                    "type": "graduatedSymbol",
                    "attr": f'coalesce("{style.colonne}", {_NULL:.0f})',
                    "graduatedMethod": "GraduatedColor",
                    **common,
                },
                node("ranges", {}, *(_range(i, e) for i, e in enumerate(legend))),
                symbols,
            )
        case _:
            return node("renderer-v2", {"type": "singleSymbol", **common}, symbols)


def _category(rank: int, entry: Entry) -> Element:
    value = {"value": "", "type": "NULL"} if entry.value is None else {"value": entry.value, "type": "string"}
    return node("category", {**value, "symbol": rank, "label": entry.label, "render": "true"})


def _range(rank: int, entry: Entry) -> Element:
    # QGIS takes the first class that holds the value, bounds included: a limit belongs to the class below it.
    low = _NULL if entry.unknown else -_BOUND / 10 if entry.low is None else entry.low
    high = _NULL if entry.unknown else _BOUND if entry.high is None else entry.high
    return node(
        "range",
        {
            "lower": f"{low:.6f}",
            "upper": f"{high:.6f}",
            "symbol": rank,
            "label": entry.label,
            "render": "true",
        },
    )


def _symbol(rank: int, entry: Entry, level: int, style: Style, contract: Contract) -> Element:
    colour = entry.colour
    outline = {
        "outline_color": rgba(style.contour),
        "outline_style": "solid" if style.contour else "no",
        "outline_width": f"{style.epaisseur:g}",
        "outline_width_unit": "MM",
        "joinstyle": "round",
        "color": rgba(colour),
    }
    if _is_point(contract):
        kind, layer = "marker", "SimpleMarker"
        more = {"name": SHAPES[style.forme], "size": f"{entry.size:g}", "size_unit": "MM"}
        changing = {"size": _SHRUNK.format(entry.size), "outlineWidth": _SHRUNK.format(style.epaisseur)}
    else:
        kind, layer = "fill", "SimpleFill"
        more = {"style": "solid" if colour else "no"}
        changing = {}
    drawn = node("layer", {"class": layer, "enabled": 1, "locked": 0, "pass": level}, option({**outline, **more}))
    # QGIS before 3.26 reads these where the newer ones read the options above.
    drawn.extend(node("prop", {"k": k, "v": v}) for k, v in {**outline, **more}.items())
    drawn.append(node("data_defined_properties", {}, _properties(changing)))
    return node(
        "symbol",
        {"name": rank, "type": kind, "alpha": f"{style.opacite:g}", "clip_to_extent": 1, "force_rhr": 0},
        drawn,
    )


def _is_point(contract: Contract) -> bool:
    return contract.geometry is not None and contract.geometry.type == "Point"


def _labels(labels: Labels, point: bool) -> Element:
    """Names from their scale on; farther away, points still push aside the names of what they stand on."""
    if not point:
        return node("labeling", {"type": "simple"}, _settings(labels, _INSIDE, 0, labels.echelle, drawn=True))
    rules = (
        _settings(labels, _AROUND, 0, labels.echelle, drawn=True),
        _settings(labels, _AROUND, labels.echelle, max(labels.echelle, _FARTHEST), drawn=False),
    )
    return node(
        "labeling",
        {"type": "rule-based"},
        node("rules", {"key": "noms"}, *(node("rule", {"key": f"noms-{i}"}, r) for i, r in enumerate(rules))),
    )


def _settings(labels: Labels, place: Mapping[str, object], near: int, far: int, *, drawn: bool) -> Element:
    """Labels between two scales (denominators), or only the obstacles that their points are."""
    weighed = {"Show": _SHOWN.format(labels.poids), "Priority": _FIRST.format(labels.poids)} if labels.poids else {}
    buffer = {
        "bufferDraw": 1,
        "bufferSize": "0.7",
        "bufferSizeUnits": "MM",
        "bufferColor": rgba("#ffffff"),
        "bufferOpacity": "0.8",
        "bufferJoinStyle": 128,
    }
    text = {
        "fieldName": labels.colonne,
        "isExpression": 0,
        "fontFamily": _FONTS[0],
        "fontSize": f"{labels.taille:g}",
        "fontSizeUnit": "Point",
        "textColor": rgba(labels.couleur),
    }
    families = node("families", {}, *(node("family", {"name": name}) for name in _FONTS))
    return node(
        "settings",
        {"calloutType": "simple"},
        node("text-style", text, families, node("text-buffer", buffer)),
        node("placement", place),
        node(
            "rendering",
            {"scaleVisibility": 1, "scaleMin": near, "scaleMax": far, "drawLabels": int(drawn), "obstacle": 1},
        ),
        node("dd_properties", {}, _properties(weighed)),
    )


def _properties(expressions: Mapping[str, str]) -> Element:
    """Properties that an expression sets for each feature."""
    each = {name: {"active": True, "expression": text, "type": 3} for name, text in expressions.items()}
    return option({"name": "", "properties": each, "type": "collection"})
