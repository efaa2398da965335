"""What is written beside the tables of a scenario: report (HTML and PDF) and GeoPackage; and what a comparison is
written as. From results, and the release they are on.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import polars as pl

from outputs.csv_tables import neutralise
from outputs.scenario.comparison import DRAWN as DRAWN_SIDE_BY_SIDE
from outputs.scenario.comparison import Comparison, comparison_report
from outputs.scenario.document import NEEDED, Report, place_names
from outputs.scenario.geopackage import NAME as GEOPACKAGE
from outputs.scenario.geopackage import write_scenario_geopackage
from outputs.scenario.map import draw_before_after, draw_differences
from outputs.scenario.render import render_html, render_pdf
from outputs.scenario.report import DRAWN, report
from outputs.scenario.results import Results
from outputs.sheet.document import Edition
from outputs.sheet.layers import open_layers

#: Names in the folder of results, and in that of a comparison.
HTML, PDF = "rapport.html", "rapport.pdf"
PRODUCTS = (HTML, PDF, GEOPACKAGE)
COMPARED = (HTML, PDF, "comparaison.csv", "comparaison.parquet")


def write_products(
    results: Results,
    release: Path,
    folder: Path,
    edition: Edition,
    *,
    date_reference: datetime,
    said: Mapping[str, str],
) -> Report:
    """Write them in a folder; gives the report, for who prints it.

    Args:
        release: folder of the release.
        edition: how pages name it.
        said: facts of the release that the GeoPackage bears.
    """
    layers = open_layers(release, NEEDED)
    pictures = {}
    for typology in results.typologies[:DRAWN]:
        drawn = draw_before_after(results, layers, typology, fictional=edition.fictional)
        if drawn is not None:
            pictures[typology] = drawn
    made = report(results, place_names(layers), edition, pictures)
    _write(made, folder)
    write_scenario_geopackage(results, layers, folder / GEOPACKAGE, date_reference=date_reference, said=said)
    return made


def write_comparison(compared: Comparison, release: Path, folder: Path, edition: Edition) -> Report:
    """Write the figures of several scenarios side by side (CSV, Parquet) and their report; gives the report.

    Args:
        release: folder of their base release.
    """
    layers = open_layers(release, NEEDED)
    several = list(zip(compared.titles, compared.several, strict=True))
    pictures = {}
    for typology in compared.typologies[:DRAWN_SIDE_BY_SIDE]:
        drawn = draw_differences(several, layers, typology, fictional=edition.fictional)
        if drawn is not None:
            pictures[typology] = drawn
    made = comparison_report(compared, place_names(layers), edition, pictures)
    _write(made, folder)
    frame = compared.frame()
    frame.write_parquet(folder / COMPARED[3], compression="zstd")
    text = pl.selectors.string()
    frame.with_columns(neutralise(pl.col(c)) for c in frame.select(text).columns).write_csv(
        folder / COMPARED[2], line_terminator="\r\n"
    )
    return made


def _write(report: Report, folder: Path) -> None:
    (folder / HTML).write_text(render_html(report), encoding="utf-8")
    (folder / PDF).write_bytes(render_pdf(report))
