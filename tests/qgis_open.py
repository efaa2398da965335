"""Run by the Python that QGIS comes with: open a GeoPackage as its users do, and say in JSON what is found.

`qgis_open.py FILE PICTURES`: each page of the project is exported to a PNG of the folder PICTURES.
"""

import json
import os
import sys
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"
os.environ.setdefault("XDG_RUNTIME_DIR", "/tmp")  # noqa: S108 - Qt asks for one and writes nothing there

from qgis.core import QgsApplication, QgsLayoutExporter, QgsProject, QgsVectorLayer

CLASSES = {"categorizedSymbol": "categories", "graduatedSymbol": "ranges"}


def renderer(layer):
    if not layer.isSpatial():
        return None, 0
    kind = layer.renderer().type()
    return kind, len(getattr(layer.renderer(), CLASSES[kind])()) if kind in CLASSES else 1


def labels(layer):
    """What the legend says, from top to bottom."""
    return [item.label() for item in layer.renderer().legendSymbolItems()] if layer.isSpatial() else []


def styled(source):
    """A layer opened alone: what its default style makes of it."""
    layer = QgsVectorLayer(source, "x", "ogr")
    _, found = layer.loadDefaultStyle()
    fields = layer.fields()
    return {
        "valid": layer.isValid(),
        "rows": layer.featureCount(),
        "style": found,
        "renderer": renderer(layer),
        "labels": labels(layer),
        "aliases": {f.name(): layer.attributeAlias(i) for i, f in enumerate(fields)},
        "indexed": int(layer.dataProvider().hasSpatialIndex()),
    }


def main(path, pictures):
    application = QgsApplication([], False)
    application.initQgis()
    project = QgsProject.instance()
    opened = project.read(f"geopackage:{path}?projectName=carto-services-publics")
    layers = {layer.id(): layer for layer in project.mapLayers().values()}
    pages = {}
    for number, page in enumerate(project.layoutManager().printLayouts()):
        picture = str(Path(pictures) / f"page-{number}.png")
        settings = QgsLayoutExporter.ImageExportSettings()
        settings.dpi = 100
        done = QgsLayoutExporter(page).exportToImage(picture, settings)
        pages[page.name()] = picture if done == QgsLayoutExporter.Success else None
    print(
        json.dumps(
            {
                "opened": opened,
                "title": project.title(),
                "crs": project.crs().authid(),
                "layers": {i: {"valid": v.isValid(), "renderer": renderer(v)} for i, v in layers.items()},
                "groups": [g.name() for g in project.layerTreeRoot().children()],
                "themes": project.mapThemeCollection().mapThemes(),
                "relations": {r.id(): r.isValid() for r in project.relationManager().relations().values()},
                "pages": pages,
                "alone": {v.source().partition("layername=")[2]: styled(v.source()) for v in layers.values()},
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
