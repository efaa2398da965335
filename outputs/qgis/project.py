"""The QGIS project a release carries: its layers in groups, their relations, the maps as themes and A4 pages.

What stands in the file is decided here from the layers given; how a layer is drawn is `qml`, the page is `page`,
keeping the project inside the GeoPackage is `store`. No clock, no chance: same layers, same bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from pyproj import CRS

from outputs.flat import FICTIONAL
from outputs.qgis import qml
from outputs.qgis.page import page
from outputs.qgis.xml import DOCTYPE, QGIS, layer_id, node, written
from outputs.style import LayerStyle, Look, Map
from pipeline.foundations.crs import Box
from quality.contract import Contract


@dataclass(frozen=True)
class View:
    """Where the maps look: an EPSG code, and `(xmin, ymin, xmax, ymax)` in its units."""

    epsg: int
    box: Box


def project(contracts: Sequence[Contract], look: Look, *, file: str, view: View, about: Mapping[str, str]) -> str:
    """The `.qgs` document.

    Args:
        contracts: of the layers of the GeoPackage, in their order.
        file: name of the GeoPackage, which QGIS looks for where the project is: inside it.
        about: `titre`, `attribution`, `licence`, `version`, `date_reference`, `fictif`: said on every page.
    """
    declared = {d.couche: d for d in look.couches}
    maps = [m for m in look.cartes.cartes if set(m.couches) <= {c.layer for c in contracts}]
    groups = _groups(contracts, declared, look)
    shown = set(maps[0].couches) if maps else {d.couche for d in look.couches if d.visible}
    names = {c.layer: _title(c) for c in contracts}
    crs = _crs(f"EPSG:{view.epsg}")
    root = node(
        "qgis",
        {"version": QGIS, "projectname": about.get("titre", "")},
        node("homePath", {"path": ""}),
        node("title", text=about.get("titre", "")),
        node("projectCrs", {}, crs),
        _tree(groups, shown, file),
        _relations(contracts, look),
        _canvas(view),
        node("projectlayers", {}, *(_layer(c, declared.get(c.layer), look, file) for c in contracts)),
        node("layerorder", {}, *(node("layer", {"id": layer_id(c.layer)}) for _, found in groups for c in found)),
        _properties(about),
        node("visibility-presets", {}, *map(_theme, maps)),
        node("Layouts", {}, *(page(m, view.box, about, names) for m in maps)),
    )
    return written(root, DOCTYPE)


def _groups(
    contracts: Sequence[Contract], declared: Mapping[str, LayerStyle], look: Look
) -> list[tuple[str, list[Contract]]]:
    """Title and layers of each group, from top to bottom; empty groups are left out."""
    by_name = {c.layer: c for c in contracts}
    groups = [
        (title, [by_name[d.couche] for d in look.couches if d.groupe == title and d.couche in by_name])
        for title in look.cartes.groupes
    ]
    groups.append((look.cartes.autres, [c for c in contracts if c.layer not in declared]))
    return [(title, found) for title, found in groups if found]


def _source(contract: Contract, file: str) -> str:
    return f"./{file}|layername={contract.layer}"


def _tree(groups: Sequence[tuple[str, list[Contract]]], shown: set[str], file: str) -> Element:
    tree = node("layer-tree-group")
    for title, contracts in groups:
        checked = any(c.layer in shown for c in contracts)
        group = node("layer-tree-group", {"name": title, "checked": "Qt::Checked", "expanded": int(checked)})
        group.extend(
            node(
                "layer-tree-layer",
                {
                    "id": layer_id(c.layer),
                    "name": _title(c),
                    "source": _source(c, file),
                    "providerKey": "ogr",
                    "checked": "Qt::Checked" if c.layer in shown else "Qt::Unchecked",
                    "expanded": int(c.layer in shown),
                },
            )
            for c in contracts
        )
        tree.append(group)
    return tree


def _relations(contracts: Sequence[Contract], look: Look) -> Element:
    """A relation per foreign key between two layers, and those of `cartes.yml`."""
    by_table = {c.table: c for c in contracts}
    by_layer = {c.layer: c for c in contracts}
    links = [
        (contract, key.column, by_table[key.references], key.to)
        for contract in contracts
        for key in contract.foreign_keys
        if key.references in by_table
    ]
    links += [
        (by_layer[r.couche], r.colonne, by_layer[r.vers], r.cle)
        for r in look.cartes.relations
        if {r.couche, r.vers} <= by_layer.keys()
    ]
    relations = [
        node(
            "relation",
            {
                "id": f"{target.layer}__{contract.layer}__{column}",
                "name": f"{_title(target)} → {_title(contract)} ({contract.column(column).title})",
                "referencingLayer": layer_id(contract.layer),
                "referencedLayer": layer_id(target.layer),
                "strength": "Association",
            },
            node("fieldRef", {"referencingField": column, "referencedField": to}),
        )
        for contract, column, target, to in links
    ]
    return node("relations", {}, *relations)


def _title(contract: Contract) -> str:
    """Without the words that say data is invented: the title of the project and every page say it."""
    return contract.title.removesuffix(FICTIONAL)


def _crs(authority: str) -> Element:
    # QGIS trusts the definition, not the code, unless the number of the system in its own database comes with it.
    return node(
        "spatialrefsys", {}, node("wkt", text=CRS.from_user_input(authority).to_wkt()), node("authid", text=authority)
    )


def _canvas(view: View) -> Element:
    corners = [
        node(name, text=repr(value)) for name, value in zip(("xmin", "ymin", "xmax", "ymax"), view.box, strict=True)
    ]
    return node(
        "mapcanvas",
        {"name": "theMapCanvas", "annotationsVisible": 1},
        node("units", text="meters"),
        node("extent", {}, *corners),
        node("rotation", text="0"),
        node("destinationsrs", {}, _crs(f"EPSG:{view.epsg}")),
    )


def _layer(contract: Contract, declared: LayerStyle | None, look: Look, file: str) -> Element:
    shape = contract.geometry
    kind = {"Point": "Point", "MultiPolygon": "Polygon"}[shape.type] if shape else "No geometry"
    crs = {"OGC:CRS84": "EPSG:4326"}.get(shape.crs, shape.crs) if shape else ""
    return node(
        "maplayer",
        {
            "type": "vector",
            "geometry": kind,
            "wkbType": shape.type if shape else "NoGeometry",
            "readOnly": 1,
            **qml.layer_attributes(declared),
        },
        node("id", text=layer_id(contract.layer)),
        node("datasource", text=_source(contract, file)),
        node("layername", text=_title(contract)),
        node("srs", {}, _crs(crs)) if crs else node("srs"),
        node("abstract", text=contract.description),
        node("provider", {"encoding": "UTF-8"}, text="ogr"),
        node("map-layer-style-manager", {"current": "default"}, node("map-layer-style", {"name": "default"})),
        *qml.style_elements(contract, declared, look.palettes),
    )


def _properties(about: Mapping[str, str]) -> Element:
    """Sources relative to the project, and the facts of the release as variables `@csp_…` of the project."""
    return node(
        "properties",
        {},
        node("Paths", {}, node("Absolute", {"type": "bool"}, text="false")),
        # Without it QGIS ignores the projection of the project.
        node("SpatialRefSys", {}, node("ProjectionsEnabled", {"type": "int"}, text="1")),
        node("Measurement", {}, node("DistanceUnits", {"type": "QString"}, text="km")),
        node(
            "Variables",
            {},
            node("variableNames", {"type": "QStringList"}, *(node("value", text=f"csp_{name}") for name in about)),
            node("variableValues", {"type": "QStringList"}, *(node("value", text=v) for v in about.values())),
        ),
    )


def _theme(shown: Map) -> Element:
    layers = [
        node("layer", {"id": layer_id(name), "style": "default", "visible": 1, "expanded": 1}) for name in shown.couches
    ]
    return node("visibility-preset", {"name": shown.titre, "has-expanded-info": 0}, *layers)
