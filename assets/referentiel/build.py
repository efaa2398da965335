"""The référentiel stage from end to end, as functions on frames: feeds -> constats -> groups -> counters."""

from datetime import date

import polars as pl

from assets.referentiel.decide import decide, precedence
from assets.referentiel.harmonise import count_types, harmonise
from assets.referentiel.identity import LIEU, LIEU_PREFIX, SERVICE, SERVICE_PREFIX, Memory, identify
from assets.referentiel.lieux import group_places
from assets.referentiel.link import guests_last, link
from assets.referentiel.personnel import log_withheld, withhold_in_issues, withhold_personal
from assets.referentiel.place import Gazetteer
from assets.referentiel.publish import complete, conflicts, contents, provenance, split
from assets.referentiel.terrain import apply_corrections, correction_provenance
from assets.referentiel.typology import typologies
from pipeline.foundations.issues import concat_issues
from quality.contract import all_contracts
from sources.spec import SourceSpec


def feed_tables(spec: SourceSpec, records: pl.DataFrame, day: date, gazetteer: Gazetteer) -> dict[str, pl.DataFrame]:
    """What one feed says, harmonised. Nothing here depends on another feed: those of the country are stacked.

    Args:
        records: in `RECORD_SCHEMA`.
        day: date of the feed's file.
        gazetteer: of `territories__communes` and `territories__passage`.

    Returns:
        `referentiel__releves`, its `referentiel__issues`, `referentiel__types` (records by type code, and whether it
        is published) and `referentiel__personnel` (what was withheld because it names people, by source and column).
    """
    table, nomenclature = typologies(), spec.nomenclature or spec.id
    frame, met = harmonise(
        spec.id, nomenclature, records, typologies=table, gazetteer=gazetteer, date_source=pl.lit(day)
    )
    impersonal, withheld = withhold_personal(frame)
    return {
        "referentiel__releves": impersonal,
        "referentiel__issues": concat_issues([withhold_in_issues(met), log_withheld(spec.id, frame, impersonal)]),
        "referentiel__types": count_types(spec.id, nomenclature, records, table),
        "referentiel__personnel": withheld,
    }


def group_tables(constats: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """`referentiel__groupes` (`source, id_source, typologie, groupe_id`: the constats of one counter share a
    `groupe_id`) and `referentiel__liens` (why: the links between constats, kept or cut)."""
    linked = link(constats)
    names = ["source", "id_source", "typologie"]
    return {
        "referentiel__groupes": linked.constats.select(*names, "groupe_id").sort(names),
        "referentiel__liens": linked.liens,
    }


def counter_tables(
    constats: pl.DataFrame,
    groups: pl.DataFrame,
    communes: pl.DataFrame,
    corrections: pl.DataFrame,
    *,
    memory: Memory,
    today: date,
) -> dict[str, pl.DataFrame]:
    """Constats and their groups -> every published table of the référentiel, each holding its contract.

    Args:
        corrections: what the field says (`raw__remontees_terrain_corrections`), above every feed; may be empty.
        memory: registry and bridges of the last promoted release.
        today: date of reference: what is seen for the first time is seen that day.
    """
    names = ["source", "id_source", "typologie"]
    linked = guests_last(constats.join(groups, on=names))
    decided = decide(linked, precedence())
    counters = decided.counters.with_columns(pl.col("type_structure").fill_null("Implantation"))

    leading_first = counters.select("groupe_id", "source_semantique", pl.col("id_source").alias("_leader")).join(
        linked, on="groupe_id"
    )
    leads = (pl.col("source") == pl.col("source_semantique")) & (pl.col("id_source") == pl.col("_leader"))
    members = leading_first.sort("groupe_id", ~leads, *names).select(
        pl.col("groupe_id").alias("groupe"), *names, "id_officiel", "ancien_id"
    )
    services = identify(
        members, contents(counters, "groupe_id"), nature=SERVICE, prefix=SERVICE_PREFIX, memory=memory, today=today
    )
    ids = services.ids.rename({"groupe": "groupe_id", "id": "point_accueil_id"})
    field = apply_corrections(counters.join(ids, on="groupe_id").sort("point_accueil_id"), corrections, communes)
    if field.applied.height:
        # Same members, same ids: what changed is the content, and the counters closed, which the registry sees gone.
        prints = contents(field.counters, "groupe_id")
        services = identify(members, prints, nature=SERVICE, prefix=SERVICE_PREFIX, memory=memory, today=today)
    counters = group_places(field.counters)

    held = counters.sort("lieu_groupe", "point_accueil_id").select(
        pl.col("lieu_groupe").alias("groupe"),
        pl.lit("référentiel").alias("source"),
        pl.col("point_accueil_id").alias("id_source"),
        "typologie",
    )
    prints = counters.group_by(pl.col("lieu_groupe").alias("groupe")).agg(
        pl.col("point_accueil_id").sort().str.join("|").alias("empreinte"),
        pl.lit(None, dtype=pl.String).alias("typologie"),
        pl.col("lieu_code_insee").min().alias("code_insee"),
    )
    places = identify(
        held,
        prints,
        nature=LIEU,
        prefix=LIEU_PREFIX,
        memory=Memory(services.registry, services.bridges),
        today=today,
    )
    counters = counters.join(places.ids.rename({"groupe": "lieu_groupe", "id": "lieu_id"}), on="lieu_groupe")
    kept = ids.join(counters, on="point_accueil_id", how="semi")
    corrected = correction_provenance(field.applied).join(kept, on="point_accueil_id", how="semi")
    origins, named = provenance(decided, kept), ["point_accueil_id", "champ"]
    tables = {
        **split(complete(counters, communes)),
        "provenance": pl.concat(
            [origins.join(corrected, on=named, how="anti"), corrected.select(origins.columns)]
        ).sort(named),
        "conflits": conflicts(decided, kept).join(corrected, on=named, how="anti", maintain_order="left"),
        "corrections": pl.concat(field[1:]).sort("classeur", "ligne", "champ"),
        "registre": places.registry,
        "ponts": places.bridges,
    }
    return {f"referentiel__{n}": all_contracts()[f"referentiel__{n}"].conform(frame) for n, frame in tables.items()}
