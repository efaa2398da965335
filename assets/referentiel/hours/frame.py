"""Hours of a whole frame: each distinct text is read once.

Reading one text belongs to `interpret`.
"""

from typing import Final

import polars as pl

from assets.referentiel.hours.interpret import interpret, level
from assets.referentiel.hours.parse_dila import render_plages
from assets.referentiel.hours.parse_texte import render_jours
from pipeline.foundations.text import clean

_KEY: Final = ("horaires", "horaires_format", "horaires_note")
_SCHEMA: Final = pl.Schema(
    {
        **dict.fromkeys(_KEY, pl.String()),
        "service_horaires_ouverture": pl.String(),
        "service_nb_heures_hebdo": pl.Float64(),
        "service_categorie_niveau_d_ouverture": pl.String(),
        "service_modalite_d_accueil": pl.String(),
        "horaires_qualite": pl.String(),
        "horaires_regles": pl.List(pl.String()),
        "horaires_texte": pl.String(),
    }
)


def readable(text: str | None, fmt: str | None, note: str | None) -> str | None:
    """The original hours as a person reads them, note included; None when there is nothing."""
    body = clean(text)
    if body and fmt == "plages_dila":
        body = clean(render_plages(body))
    elif body and fmt == "jours":
        body = clean(render_jours(body))
    return " — ".join(part for part in (body, clean(note)) if part) or None


def harmonise_hours(frame: pl.DataFrame) -> pl.DataFrame:
    """Add OSM hours, weekly hours, official level, reception mode, quality, rules and readable text.

    Args:
        frame: columns `horaires`, `horaires_format`, `horaires_note` (see `sources.record`); others are kept.

    Returns:
        The frame, in its order, plus `service_horaires_ouverture`, `service_nb_heures_hebdo` (hours per week),
        `service_categorie_niveau_d_ouverture`, `service_modalite_d_accueil`, `horaires_qualite`, `horaires_regles`,
        `horaires_texte`.
    """
    rows = []
    for text, fmt, note in frame.select(_KEY).unique(maintain_order=True).iter_rows():
        hours = interpret(text, fmt, note)
        rows.append(
            (
                text,
                fmt,
                note,
                hours.osm,
                hours.heures_hebdo,
                level(hours.heures_hebdo),
                hours.modalite,
                hours.qualite,
                list(hours.regles),
                readable(text, fmt, note),
            )
        )
    read = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
    return frame.join(read, on=_KEY, how="left", nulls_equal=True, maintain_order="left")
