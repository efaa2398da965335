"""The style of a layer as SLD 1.1 (OGC), for software other than QGIS: symbols and legend, no labels."""

from xml.etree.ElementTree import Element

from outputs.qgis.legend import Entry, entries, style_of
from outputs.qgis.xml import node, written
from outputs.style import Categories, Classes, LayerStyle, Palettes, Plain, Style
from quality.contract import Contract

_SHAPES = {"cercle": "circle", "carre": "square", "losange": "square", "triangle": "triangle", "etoile": "star"}
_ROTATED = {"losange": "45"}
_PIXELS_PER_MM = 96 / 25.4
_NAMESPACES = {
    "version": "1.1.0",
    "xmlns": "http://www.opengis.net/sld",
    "xmlns:se": "http://www.opengis.net/se",
    "xmlns:ogc": "http://www.opengis.net/ogc",
}


def sld(contract: Contract, declared: LayerStyle | None, palettes: Palettes) -> str:
    """The style document of a layer with geometry; nothing for a table."""
    style = style_of(contract, declared)
    if style is None:
        return ""
    legend = entries(style, contract, palettes)
    rules = [_rule(entry, style, contract) for entry in legend]
    root = node(
        "StyledLayerDescriptor",
        _NAMESPACES,
        node(
            "NamedLayer",
            {},
            node("se:Name", text=contract.layer),
            node("UserStyle", {}, node("se:Name", text=contract.layer), node("se:FeatureTypeStyle", {}, *rules)),
        ),
    )
    return written(root, '<?xml version="1.0" encoding="UTF-8"?>\n')


def _rule(entry: Entry, style: Style, contract: Contract) -> Element:
    title = node("se:Description", {}, node("se:Title", text=entry.label))
    rule = node("se:Rule", {}, node("se:Name", text=entry.label), title)
    if (condition := _condition(entry, style)) is not None:
        rule.append(condition)
    rule.append(_symbolizer(entry, style, contract))
    return rule


def _condition(entry: Entry, style: Style) -> Element | None:
    if isinstance(style, Plain):
        return None
    name = node("ogc:PropertyName", text=style.colonne)
    match style:
        case Categories():
            if entry.value is None:
                return node("se:ElseFilter")
            test = node("ogc:PropertyIsEqualTo", {}, name, node("ogc:Literal", text=entry.value))
        case Classes() if entry.unknown:
            test = node("ogc:PropertyIsNull", {}, name)
        case Classes():
            bounds = [("ogc:PropertyIsGreaterThan", entry.low), ("ogc:PropertyIsLessThanOrEqualTo", entry.high)]
            tests = [
                node(tag, {}, node("ogc:PropertyName", text=style.colonne), node("ogc:Literal", text=f"{bound:g}"))
                for tag, bound in bounds
                if bound is not None
            ]
            test = tests[0] if len(tests) == 1 else node("ogc:And", {}, *tests)
    return node("ogc:Filter", {}, test)


def _parameters(**values: str | None) -> list[Element]:
    return [
        node("se:SvgParameter", {"name": name.replace("_", "-")}, text=value) for name, value in values.items() if value
    ]


def _symbolizer(entry: Entry, style: Style, contract: Contract) -> Element:
    colour = entry.colour
    opacity = f"{style.opacite:g}"
    parts = []
    if colour:
        parts.append(node("se:Fill", {}, *_parameters(fill=colour, fill_opacity=opacity)))
    if style.contour:
        width = f"{style.epaisseur * _PIXELS_PER_MM:.2f}"
        parts.append(node("se:Stroke", {}, *_parameters(stroke=style.contour, stroke_width=width)))
    if contract.geometry is None or contract.geometry.type != "Point":
        return node("se:PolygonSymbolizer", {}, *parts)
    mark = node("se:Mark", {}, node("se:WellKnownName", text=_SHAPES[style.forme]), *parts)
    graphic = node("se:Graphic", {}, mark, node("se:Size", text=f"{entry.size * _PIXELS_PER_MM:.1f}"))
    if style.forme in _ROTATED:
        graphic.append(node("se:Rotation", {}, node("ogc:Literal", text=_ROTATED[style.forme])))
    return node("se:PointSymbolizer", {}, graphic)
