"""An A4 page of the QGIS project: title, map, legend, scale, credits, and the warning when the data is invented."""

from collections.abc import Mapping, Sequence
from uuid import NAMESPACE_URL, uuid5
from xml.etree.ElementTree import Element

from outputs.qgis.xml import layer_id, node
from outputs.style import Map
from pipeline.foundations.crs import Box

_PAGE, _MAP, _LABEL, _LEGEND, _SCALE = 65638, 65639, 65641, 65642, 65646
_WIDTH, _HEIGHT = 297.0, 210.0  # millimetres, landscape
#: Left, top, width, height of what stands on the page.
_TITLE = (12.0, 8.0, 215.0, 10.0)
_SUBTITLE = (12.0, 18.5, 240.0, 7.0)
_WARNING = (232.0, 9.0, 53.0, 8.0)
_CARTE = (12.0, 28.0, 200.0, 158.0)
_KEY = (217.0, 30.0, 68.0, 130.0)
_BAR = (217.0, 172.0, 68.0, 14.0)
_CREDITS = (12.0, 189.0, 273.0, 15.0)
_INK, _GREY, _ALERT = "#1b1f24", "#5b6570", "#b3261e"
_FONT = "Arial"
#: Metres of the scale bar, the longest that fits a quarter of the map's width.
_LENGTHS = tuple(step * 10**power for power in range(2, 6) for step in (1, 2, 5))
_SOURCES = (
    "Sources : [% @csp_attribution %].\n[% @csp_titre %], version [% @csp_version %]. "
    "[% @csp_licence %]. Projection : [% @project_crs %]."
)

Place = tuple[float, float, float, float]


def page(shown: Map, around: Box, about: Mapping[str, str], names: Mapping[str, str]) -> Element:
    """The layout of a map of `cartes.yml`.

    Args:
        around: box to hold, in the units of the project; widened to the shape of the map.
        about: facts of the release; only `fictif` is read, the others are variables of the project.
        names: title of each layer of the map.
    """
    items = [
        _label(shown, "titre", _TITLE, shown.titre, 20, _INK, bold=True),
        _label(shown, "sous-titre", _SUBTITLE, shown.sous_titre, 10, _GREY),
        _map(shown, around),
        _legend(shown, names),
        _scale(shown, around),
        _label(shown, "credits", _CREDITS, _SOURCES, 6.5, _GREY),
    ]
    if about.get("fictif") == "oui":
        items.append(_warning(shown))
    # Items are listed from the top of the pile to its bottom.
    return node(
        "Layout",
        {"name": shown.titre, "units": "mm", "printResolution": 200, "worldFileMap": _uuid(shown, "carte")},
        node("PageCollection", {}, _item(shown, "page", _PAGE, (0.0, 0.0, _WIDTH, _HEIGHT), {"background": "true"})),
        *reversed(items),
    )


def _uuid(shown: Map, name: str) -> str:
    return f"{{{uuid5(NAMESPACE_URL, f'{shown.nom}/{name}')}}}"


def _item(
    shown: Map, name: str, kind: int, place: Place, attributes: Mapping[str, object], *children: Element
) -> Element:
    left, top, width, height = place
    uuid = _uuid(shown, name)
    return node(
        "LayoutItem",
        {
            "type": kind,
            "id": name,
            "uuid": uuid,
            "templateUuid": uuid,
            "position": f"{left:g},{top:g},mm",
            "positionOnPage": f"{left:g},{top:g},mm",
            "size": f"{width:g},{height:g},mm",
            "referencePoint": 0,
            "visibility": 1,
            "opacity": 1,
            "frame": "false",
            "background": "false",
            **attributes,
        },
        *children,
    )


def _colour(tag: str, colour: str) -> Element:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return node(tag, {"red": red, "green": green, "blue": blue, "alpha": 255})


def _font(tag: str, points: float, *, bold: bool = False) -> Element:
    # Qt's own description of a font: weight 75 is bold.
    return node(tag, {"description": f"{_FONT},{points:g},-1,5,{75 if bold else 50},0,0,0,0,0", "style": ""})


def _label(shown: Map, name: str, place: Place, text: str, points: float, ink: str, *, bold: bool = False) -> Element:
    attributes = {"labelText": text, "htmlState": 0, "halign": 1, "valign": 32, "marginX": 0, "marginY": 0}
    return _item(
        shown, name, _LABEL, place, attributes, _font("LabelFont", points, bold=bold), _colour("FontColor", ink)
    )


def _warning(shown: Map) -> Element:
    attributes = {"labelText": "DONNÉES FICTIVES", "halign": 4, "valign": 128, "background": "true"}
    return _item(
        shown, "avertissement", _LABEL, _WARNING, attributes,
        _colour("BackgroundColor", _ALERT), _font("LabelFont", 11, bold=True), _colour("FontColor", "#ffffff"),
    )  # fmt: skip


def _map(shown: Map, around: Box) -> Element:
    xmin, ymin, xmax, ymax = _fitted(around)
    return _item(
        shown,
        "carte",
        _MAP,
        _CARTE,
        {"followPreset": "true", "followPresetName": shown.titre, "keepLayerSet": "false", "background": "true"},
        node("Extent", {"xmin": repr(xmin), "ymin": repr(ymin), "xmax": repr(xmax), "ymax": repr(ymax)}),
    )


def _fitted(around: Box) -> Box:
    """The box widened, around its middle, to the shape of the map on the page."""
    xmin, ymin, xmax, ymax = around
    width, height = _CARTE[2], _CARTE[3]
    scale = max((xmax - xmin) / width, (ymax - ymin) / height)
    x, y = (xmin + xmax) / 2, (ymin + ymax) / 2
    return x - scale * width / 2, y - scale * height / 2, x + scale * width / 2, y + scale * height / 2


def _legend(shown: Map, names: Mapping[str, str]) -> Element:
    layers = [
        node(
            "layer-tree-layer",
            {"id": layer_id(name), "name": names[name], "providerKey": "ogr", "checked": "Qt::Checked"},
        )
        for name in shown.couches
    ]
    styles: Sequence[tuple[str, float, bool, dict[str, object]]] = (
        ("title", 11, True, {"marginBottom": 2}),
        ("group", 9, True, {"marginTop": 3}),
        ("subgroup", 9, True, {"marginTop": 3}),
        ("symbol", 8, False, {"marginTop": 1.2}),
        ("symbolLabel", 8, False, {"marginTop": 1.2, "marginLeft": 2}),
    )
    return _item(
        shown,
        "legende",
        _LEGEND,
        _KEY,
        {
            "title": "Légende",
            "map_uuid": _uuid(shown, "carte"),
            "legendFilterByMap": 1,
            "minSymbolSize": 2,
            "resizeToContents": 1,
            "symbolWidth": 5,
            "symbolHeight": 3.2,
            "fontColor": _INK,
            "columnCount": 1,
            "boxSpace": 0,
        },
        node(
            "styles",
            {},
            *(node("style", {"name": n, **m}, _font("styleFont", p, bold=b)) for n, p, b, m in styles),
        ),
        node("layer-tree-group", {}, *layers),
    )


def _scale(shown: Map, around: Box) -> Element:
    xmin, _, xmax, _ = _fitted(around)
    length = max((m for m in _LENGTHS if m <= (xmax - xmin) / 4), default=_LENGTHS[0])
    kilometres = length >= 1_000
    return _item(
        shown,
        "echelle",
        _SCALE,
        _BAR,
        {
            "style": "Line Ticks Up",
            "mapUuid": _uuid(shown, "carte"),
            "unitType": "km" if kilometres else "meters",
            "unitLabel": "km" if kilometres else "m",
            "numMapUnitsPerScaleBarUnit": 1,
            "numUnitsPerSegment": length / (1_000 if kilometres else 1),
            "numSegments": 1,
            "numSegmentsLeft": 0,
            "height": 2,
            "labelBarSpace": 1.5,
            "outlineWidth": 0.4,
        },
        _font("scaleBarFont", 8),
    )
