"""QGIS's own forms of what `outputs.style` declares: QML and SLD styles, and the project kept inside the GeoPackage."""
