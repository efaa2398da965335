"""Reader of OSM extracts: each file is read whole once, and what it holds is told in a short table.

The segments themselves are too many for a table: `sources.osm.segments` gives them again, by batches, to whoever needs
them.
"""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from pipeline.foundations.issues import IssueLog, Severity
from sources.osm.segments import Roads, batches, lengths, load
from sources.reading import ReadResult
from sources.spec import SourceSpec

#: Table `bilan`: one row per file and value of `highway` (or `ferry`).
SCHEMA = pl.Schema({"ressource": pl.String, "nature": pl.String, "troncons": pl.Int64, "longueur_km": pl.Float64})

_MEGABYTE = 1_000_000
_EXAMPLES = 5

_COUNTS: dict[str, tuple[str, Severity, str]] = {
    "voie-double": (
        "id",
        "erreur",
        "Voies dont l’identifiant est déjà lu dans le fichier : seule la première est gardée.",
    ),
    "voie-sans-longueur": ("noeuds", "erreur", "Voies de moins de deux nœuds distincts : mises de côté."),
    "noeud-repete": ("noeuds", "info", "Nœuds répétés de suite dans une voie : un seul est gardé."),
    "noeud-sans-position": (
        "noeuds",
        "avertissement",
        "Nœuds dont le fichier ne donne pas la position (au-delà de l’extrait) : les voies y sont coupées.",
    ),
    "noeud-hors-territoire": (
        "noeuds",
        "avertissement",
        "Nœuds hors du territoire français de l’extrait : les voies y sont coupées.",
    ),
    "voie-coupee": ("noeuds", "info", "Voies coupées par un nœud sans position ou hors du territoire."),
}
_FAULTS: dict[str, tuple[Severity, str]] = {
    "sens-changeant": ("info", "Sens unique alterné ou réversible : lu comme à double sens."),
    "sens-illisible": ("avertissement", "Sens de circulation illisible : lu comme s’il n’était pas dit."),
    "acces-illisible": ("avertissement", "Restriction d’accès inconnue : lue comme si elle n’était pas dite."),
    "vitesse-illisible": ("avertissement", "Vitesse maximale illisible ou absurde : laissée inconnue."),
    "duree-illisible": ("avertissement", "Durée de traversée illisible ou absurde : laissée inconnue."),
    "niveau-illisible": ("avertissement", "Niveau par rapport au sol illisible : laissé inconnu."),
}


def read(files: Mapping[str, Path], spec: SourceSpec) -> ReadResult:
    """Read each extract from end to end.

    Args:
        files: any of the declared resources, `.osm.pbf` files.

    Returns:
        One table, "bilan", in `SCHEMA`; `read` counts the ways kept. An issue is about a file (`id_source` is the
        resource) and its value begins with the number of ways or nodes concerned.

    Raises:
        SourceUnreadable: see `sources.osm.segments.load`.
    """
    log = IssueLog(spec.id)
    tables = [pl.DataFrame(schema=SCHEMA)]
    ways = 0
    for resource in spec.resources:
        if resource.id not in files:
            continue
        limit = (resource.max_unpacked_mb or resource.max_mb) * _MEGABYTE
        roads = load(files[resource.id], resource.id, max_unpacked=limit)
        tables.append(_summary(roads, resource.id))
        _tell(roads, resource.id, log)
        ways += len(roads.way_ids)
    return ReadResult({"bilan": pl.concat(tables)}, log.frame(), read=ways)


def _summary(roads: Roads, resource_id: str) -> pl.DataFrame:
    parts = [pl.DataFrame(schema={"nature": pl.String, "troncons": pl.UInt32, "metres": pl.Float64})]
    parts += [
        batch.frame.select("nature", metres=pl.Series(lengths(batch.xy, batch.offsets)))
        .group_by("nature")
        .agg(troncons=pl.len(), metres=pl.col("metres").sum())
        for batch in batches(roads)
    ]
    return (
        pl.concat(parts)
        .group_by("nature")
        .agg(pl.col("troncons").sum(), longueur_km=(pl.col("metres").sum() / 1000).round(3))
        .sort("nature")
        .select(pl.lit(resource_id).alias("ressource"), "nature", "troncons", "longueur_km")
        .match_to_schema(SCHEMA, integer_cast="upcast")
    )


def _tell(roads: Roads, resource_id: str, log: IssueLog) -> None:
    for rule, (column, severity, reason) in _COUNTS.items():
        if count := roads.counts[rule]:
            log.add(record=resource_id, column=column, value=count, rule=rule, reason=reason, severity=severity)
    if roads.excluded:
        log.add(
            record=resource_id,
            column="highway",
            value=_counted(roads.excluded),
            rule="voie-non-routiere",
            reason="Voies en projet, en travaux, abandonnées, surfaciques ou d’une nature non praticable : non lues.",
            severity="info",
        )
    by_rule: dict[tuple[str, str], dict[str, int]] = {}
    for fault, count in roads.faults.items():
        by_rule.setdefault((fault.rule, fault.column), {})[fault.value] = count
    for (rule, column), values in sorted(by_rule.items()):
        severity, reason = _FAULTS[rule]
        log.add(record=resource_id, column=column, value=_counted(values), rule=rule, reason=reason, severity=severity)


def _counted(values: Mapping[str, int]) -> str:
    """`12 : area 7, platform 5`, the most frequent first."""
    frequent = sorted(values.items(), key=lambda item: (-item[1], item[0]))
    named = ", ".join(f"{value[:30]} {count}" for value, count in frequent[:_EXAMPLES])
    return f"{sum(values.values())} : {named}{'…' if len(frequent) > _EXAMPLES else ''}"
