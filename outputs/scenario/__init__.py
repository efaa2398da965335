"""What evaluated projects are shown as: report, GeoPackage, comparison."""
