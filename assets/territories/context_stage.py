"""The tables of territories and indicators: read what they are made of, compute, conform.

Kept out of the assets, and imported late: a run with nothing to compute does without it.
"""

from collections.abc import Mapping

import polars as pl

from assets.territories import context_tables as names
from assets.territories import figures, grid
from assets.territories.aggregate import indicators_of_zones
from assets.territories.context import Pairs, indicators_of_communes
from assets.territories.figures import Figure
from assets.territories.indicators import CELLS, QUARTERS, Settings
from assets.territories.levels import COUNTRY, FRANCE
from assets.territories.quarters import quarters
from assets.territories.zones import Origin, members, membership, zones
from pipeline.foundations.issues import IssueLog
from pipeline.foundations.tables import TableStore
from quality.contract import all_contracts
from sources.contexte.mapping import options_of
from sources.registry import get_source


def compute(tables: TableStore, held: names.Held, settings: Settings) -> dict[str, pl.DataFrame]:
    """The tables `context_tables.TABLES`, in the columns of their contracts, and the issues met.

    Raises:
        CspError: a table of an earlier stage is not there.
    """
    issues = IssueLog("territoires")
    communes = tables.read(names.COMMUNES).sort("code")
    known = _figures(tables, held, settings, communes, issues)
    zonings = {str(column): known.get(reference) for column, reference in settings.zonages.items()}
    belonging = membership(communes, tables.read(names.COG_COMMUNES), zonings, settings.densites)
    quartiers, touching = _quarters(tables, held, communes, issues)
    told = indicators_of_communes(settings.indicateurs, communes["code"], known, touching)
    people = communes.select(pl.col("code").alias("code_insee"), "population")
    above = indicators_of_zones(told, settings.indicateurs, members(belonging), people, touching)
    made = {
        names.MEMBERSHIP: belonging,
        names.ZONES: zones(belonging, _origins(tables, held, settings, communes)),
        names.QPV: quartiers,
        names.CONTEXT: told.sort("code_insee", "indicateur"),
        names.CONTEXT_ZONES: above,
    }
    contracts = all_contracts()
    return {name: contracts[name].conform(frame) for name, frame in made.items()} | {names.ISSUES: issues.frame()}


def _figures(
    tables: TableStore, held: names.Held, settings: Settings, communes: pl.DataFrame, issues: IssueLog
) -> dict[str, Figure]:
    """Every figure that the settings read and that is held, by `source.mesure`."""
    codes, passage = communes["code"], tables.read(names.PASSAGE)
    known = figures.of_communes(communes, names.COG, names.OUTLINES, held.vintages[names.COG])
    for source in held.lists:
        if source == settings.noms_bassins_vie:
            continue  # names of territories, no figure of a commune
        told = tables.read(names.figures_table(source))
        options = options_of(get_source(source))
        found = figures.of_list(told, options, source, codes, passage, issues)
        known |= {f"{source}.{name}": figure for name, figure in found.items()}
    wanted = {r.partition(".")[2] for r in settings.references if r.partition(".")[0] == CELLS}
    return known | figures.of_cells(tables.read(names.CELLS), codes, wanted, grid.SOURCES)


def _quarters(
    tables: TableStore, held: names.Held, communes: pl.DataFrame, issues: IssueLog
) -> tuple[pl.DataFrame, Mapping[str, Pairs]]:
    """`territories__qpv`, and which quartiers of the latest edition touch which communes."""
    if not held.quarters:
        return pl.DataFrame(schema=all_contracts()[names.QPV].polars_schema), {}
    frame = quarters(tables.read(names.QUARTERS_TOLD), communes, tables.read(names.PASSAGE), issues)
    latest = held.vintages[QUARTERS]
    pairs = frame.filter(pl.col("millesime") == latest).select(pl.col("communes").alias("commune"), objet="code")
    return frame, {QUARTERS: Pairs(pairs.explode("commune").drop_nulls(), QUARTERS, latest)}


def _origins(tables: TableStore, held: names.Held, settings: Settings, communes: pl.DataFrame) -> dict[str, Origin]:
    """Names and source of the territories of each level."""

    def of(source: str, *named: pl.DataFrame) -> Origin:
        spec = get_source(source)
        frames = [frame.select("code", "nom") for frame in named]
        return Origin(pl.concat(frames), source, spec.licence.title, held.vintages.get(source))

    own = communes  # bassins de vie bear the code of their main commune
    if settings.noms_bassins_vie in held.lists:
        told = tables.read(names.figures_table(settings.noms_bassins_vie))
        living = told.filter((pl.col("niveau") == "bassin_vie") & (pl.col("mesure") == "nom"))
        own = pl.concat([living.select("code", pl.col("texte").alias("nom")), communes.select("code", "nom")])
    country = pl.DataFrame({"code": [COUNTRY], "nom": ["France"]})
    return {
        "epci": of(names.COG, tables.read(names.EPCI)),
        "departement": of(names.COG, tables.read(names.DEPARTEMENTS)),
        "region": of(names.COG, tables.read(names.REGIONS)),
        "arrondissement": of(names.COG, tables.read(names.ARRONDISSEMENTS)),
        "bassin_vie": of(settings.zonages["bassin_vie"].partition(".")[0], own),
        FRANCE: of(names.COG, country),
    }
