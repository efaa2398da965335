"""A few words to write QGIS's XML with, and nothing that knows what it says."""

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element, indent, tostring

Options = Mapping[str, Any]


def node(tag: str, attributes: Mapping[str, object] | None = None, *children: Element, text: str = "") -> Element:
    """An element; attributes are written as text."""
    element = Element(tag, {k: str(v) for k, v in (attributes or {}).items()})
    element.extend(children)
    element.text = text or None
    return element


def option(value: Any, name: str | None = None) -> Element:
    """A value as QGIS writes variants: text, booleans, numbers, lists and mappings."""
    named = {} if name is None else {"name": name}
    match value:
        case Mapping():
            return node("Option", {**named, "type": "Map"}, *(option(v, k) for k, v in value.items()))
        case list() | tuple():
            return node("Option", {**named, "type": "List"}, *(option(v) for v in value))
        case bool():
            return node("Option", {**named, "type": "bool", "value": "true" if value else "false"})
        case int():
            return node("Option", {**named, "type": "int", "value": value})
        case float():
            return node("Option", {**named, "type": "double", "value": repr(value)})
        case _:
            return node("Option", {**named, "type": "QString", "value": value})


def rgba(colour: str | None, opacity: float = 1.0) -> str:
    """`#rrggbb` as QGIS writes colours in options; no colour is a transparent one."""
    if colour is None:
        return "0,0,0,0"
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"{red},{green},{blue},{round(255 * opacity)}"


def layer_id(layer: str) -> str:
    """Identifier of a layer in a project; QGIS replaces those it finds too short by random ones."""
    return f"couche_csp_{layer}"


def written(root: Element, doctype: str = "") -> str:
    """The document, indented; the same tree gives the same text."""
    indent(root, " ")
    return doctype + tostring(root, encoding="unicode") + "\n"


#: What QGIS expects on top of styles and projects.
DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
#: The oldest QGIS these forms are tried with; later ones read them and say nothing.
QGIS = "3.22.0"
