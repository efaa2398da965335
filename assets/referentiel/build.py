"""The référentiel stage from end to end, as two functions on frames: feeds -> constats, constats -> counters."""

from collections.abc import Mapping
from datetime import date

import polars as pl

from assets.referentiel.decide import decide, precedence
from assets.referentiel.harmonise import count_types, harmonise
from assets.referentiel.identity import give_ids
from assets.referentiel.match import link
from assets.referentiel.place import Gazetteer
from assets.referentiel.publish import split
from assets.referentiel.typology import typologies
from pipeline.foundations.issues import concat_issues
from quality.contract import all_contracts
from sources.spec import SourceSpec


def constats_tables(
    feeds: Mapping[str, tuple[SourceSpec, pl.DataFrame, date]], *, communes: pl.DataFrame, passage: pl.DataFrame
) -> dict[str, pl.DataFrame]:
    """What every feed says, harmonised.

    Args:
        feeds: source id -> (declaration, records in `RECORD_SCHEMA`, date of its file).
        communes: `territories__communes`.
        passage: `territories__passage`.

    Returns:
        `referentiel__constats`, its `referentiel__issues`, and `referentiel__types` (records by type code, and whether
        it is published).
    """
    table = typologies()
    gazetteer = Gazetteer(communes, passage)
    constats, issues, types = [], [], []
    for source, (spec, records, day) in feeds.items():
        nomenclature = spec.nomenclature or spec.id
        frame, met = harmonise(
            source, nomenclature, records, typologies=table, gazetteer=gazetteer, date_source=pl.lit(day)
        )
        constats.append(frame)
        issues.append(met)
        types.append(count_types(source, nomenclature, records, table))
    return {
        "referentiel__constats": pl.concat(constats),
        "referentiel__issues": concat_issues(issues),
        "referentiel__types": pl.concat(types),
    }


def counter_tables(constats: pl.DataFrame, communes: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Constats -> the three published tables, each holding its contract."""
    counters = give_ids(decide(link(constats), precedence()))
    tables = {f"referentiel__{name}": frame for name, frame in split(counters, communes).items()}
    return {name: all_contracts()[name].conform(frame) for name, frame in tables.items()}
