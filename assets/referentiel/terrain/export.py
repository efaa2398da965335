"""The verification workbook of a département, for people who go and look: what is published, and cells to correct it.

Nothing in it is computed by the spreadsheet: every cell is text, so that a feed cannot slip in a formula.
"""

import io
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from typing import Any

import polars as pl
import xlsxwriter  # type: ignore[import-untyped]
from xlsxwriter.format import Format  # type: ignore[import-untyped]
from xlsxwriter.utility import xl_col_to_name  # type: ignore[import-untyped]
from xlsxwriter.worksheet import Worksheet  # type: ignore[import-untyped]

from assets.referentiel.terrain.values import ID, current_values
from sources.remontees_terrain import layout
from sources.remontees_terrain.layout import Field

_CELL_LIMIT = 32_000  # characters; Excel refuses 32,768


@dataclass(frozen=True)
class Edition:
    """What the workbook says of itself. `version` is the release its values come from, `day` the day it is written."""

    departement: str
    nom: str
    version: str
    day: date
    fictif: bool = False


@dataclass(frozen=True)
class _Column:
    heading: str
    width: int
    values: pl.Series | None = None  # null for a cell to fill
    choices: tuple[str, ...] = ()
    help: str = ""
    hidden: bool = False


def write_workbook(counters: pl.DataFrame, scores: pl.DataFrame, communes: pl.DataFrame, edition: Edition) -> bytes:
    """The workbook as XLSX bytes; the same arguments give the same bytes.

    Args:
        counters: rows of `terrain.gather` to verify.
        scores: `point_accueil_id, score, problemes` (`score.score`); the lowest scores come first.
        communes: `code, nom`.
        edition: what the guide sheet states.
    """
    rows = (
        counters.join(scores, on=ID, how="left")
        .join(
            communes.select(pl.col("code").alias("lieu_code_insee"), pl.col("nom").alias("_commune")),
            on="lieu_code_insee",
            how="left",
        )
        .sort("score", "date_maj", ID, nulls_last=False)
    )
    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(buffer, options) as book:
        title = f"Vérification des points d'accueil — {edition.nom} ({edition.departement})"
        book.set_properties({"title": title, "created": datetime(edition.day.year, edition.day.month, edition.day.day)})
        styles = _styles(book)
        _guide(book.add_worksheet(layout.GUIDE), styles, edition, rows.height)
        _points(book.add_worksheet(layout.POINTS), styles, _columns(rows), rows.height)
        mark = book.add_worksheet(layout.MARK)
        said = {
            layout.MARK_FORMAT: layout.FORMAT,
            layout.MARK_DEPARTEMENT: edition.departement,
            layout.MARK_VERSION: edition.version,
            layout.MARK_DAY: edition.day.isoformat(),
        }
        for line, (label, value) in enumerate(said.items()):
            mark.write_string(line, 0, label)
            mark.write_string(line, 1, value)
        mark.very_hidden()
        mark.protect()
    return buffer.getvalue()


def _styles(book: xlsxwriter.Workbook) -> dict[str, Format]:
    # Text everywhere (`@`): a telephone keeps its zero, and what starts with = or + stays what was typed.
    base = {"num_format": "@", "valign": "top", "text_wrap": True, "border": 1, "border_color": "#BFBFBF"}
    return {
        "titre": book.add_format({"bold": True, "font_size": 16}),
        "texte": book.add_format({"text_wrap": True, "valign": "top"}),
        "libelle": book.add_format({"bold": True, "valign": "vcenter", "text_wrap": True}),
        "entete": book.add_format({**base, "bold": True, "bg_color": "#1F3864", "font_color": "#FFFFFF"}),
        "entete_saisie": book.add_format({**base, "bold": True, "bg_color": "#BF8F00", "font_color": "#FFFFFF"}),
        "actuel": book.add_format({**base, "bg_color": "#F2F2F2"}),
        "saisie": book.add_format({**base, "bg_color": "#FFF9DB", "locked": False}),
    }


def _guide(sheet: Worksheet, styles: dict[str, Format], edition: Edition, count: int) -> None:
    sheet.set_column(0, 0, 40)
    sheet.set_column(1, 1, 90)
    sheet.hide_gridlines(2)
    sheet.write_string(
        0, 0, "Vérification des points d'accueil" + (" — DONNÉES FICTIVES" if edition.fictif else ""), styles["titre"]
    )
    facts = [
        ("Département", f"{edition.nom} ({edition.departement})"),
        ("Version des données", edition.version),
        ("Classeur produit le", f"{edition.day:%d/%m/%Y}"),
        ("Points d'accueil", str(count)),
    ]
    for line, (label, value) in enumerate(facts, start=2):
        sheet.write_string(line, 0, label, styles["libelle"])
        sheet.write_string(line, 1, value, styles["texte"])
    sheet.write_string(7, 0, "À remplir avant de renvoyer le classeur", styles["titre"])
    asked = [
        (layout.ORGANISATION, "Le nom de l'organisation, jamais celui d'une personne."),
        (layout.DAY, "Le jour où les vérifications ont été faites, par exemple 12/03/2026."),
    ]
    for line, (label, message) in enumerate(asked, start=8):
        sheet.write_string(line, 0, label, styles["libelle"])
        sheet.write_blank(line, 1, None, styles["saisie"])
        sheet.data_validation(
            line, 1, line, 1, {"validate": "any", "input_title": "À remplir", "input_message": message}
        )
    sheet.write_string(11, 0, "Mode d'emploi", styles["titre"])
    for line, (label, text) in enumerate(_INSTRUCTIONS, start=12):
        sheet.write_string(line, 0, label, styles["libelle"])
        sheet.write_string(line, 1, text, styles["texte"])
    sheet.protect("", {"format_columns": True, "format_rows": True})
    sheet.activate()


_INSTRUCTIONS = (
    (
        "Où écrire",
        "Feuille « Points d'accueil », dans les cellules jaunes seulement. Les valeurs publiées sont en gris, à côté.",
    ),
    (
        "Rien à corriger",
        "Laisser vide. Si tout a été vérifié et que tout est juste : « oui » dans « Vérifié, rien à changer ».",
    ),
    (
        "Valeur à supprimer",
        f"Écrire {layout.CLEAR} : le point d'accueil n'a pas, ou plus, de téléphone, de site, d'horaires…",
    ),
    (
        "Horaires",
        "En clair : « lundi au vendredi 9h-12h et 14h-17h ; samedi 9h-12h sur rendez-vous ». "
        "L'import montre ce qui a été compris.",
    ),
    (
        "Position",
        "Longitude et latitude en degrés, les deux ensemble (par exemple 6,079112 et 44,559638). "
        "Elles doivent tomber dans la commune.",
    ),
    (
        "Fermé définitivement",
        "« oui » retire le point d'accueil des données publiées. Pas pour une fermeture de quelques jours.",
    ),
    ("Commentaire", "Lu par l'équipe qui importe le classeur, jamais publié. Ne nommer personne."),
    (
        "Ordre des lignes",
        "Les fiches les plus douteuses d'abord. Filtrer est sans danger ; ne pas déplacer de cellules.",
    ),
    (
        "Enregistrer",
        "Au format .xlsx, sans changer les noms des feuilles ni les titres des colonnes, sans formule ni macro.",
    ),
    (
        "Licence",
        "Les corrections retenues sont publiées sous Licence Ouverte 2.0 ; l'organisation peut être citée.",
    ),
)


def _columns(rows: pl.DataFrame) -> list[_Column]:
    values = rows.select(ID).join(current_values(rows), on=ID, how="left", maintain_order="left")
    place = pl.format("{} ({})", pl.col("_commune").fill_null("?"), "lieu_code_insee")
    shown = rows.select(
        place.alias("commune"),
        pl.col("problemes").list.join(" ; ").alias("problemes"),
        (pl.col("score") * 100).round(0).cast(pl.Int64).cast(pl.String).alias("score"),
        pl.col("date_maj").dt.strftime("%d/%m/%Y").alias("date"),
        "sources",
    )
    pairs = []
    for field in layout.FIELDS:
        if field.champ == "horaires":
            pairs.append(_Column("Horaires — texte d'origine", 34, rows["horaires_texte"]))
        pairs += _pair(field, values[field.champ], 34 if field.champ in ("horaires", "adresse", "nom") else 20)
    pairs += _pair(layout.LONGITUDE, values["longitude"], 13) + _pair(layout.LATITUDE, values["latitude"], 13)
    # Current and typed coordinates side by side: longitude, latitude, then the two cells to fill.
    pairs[-4:] = [pairs[-4], pairs[-2], pairs[-3], pairs[-1]]
    yes_no = (layout.YES, layout.NO)
    return [
        _Column(layout.ID, 26, rows[ID]),
        _Column("Typologie", 22, rows["service_typologie"]),
        _Column("Commune", 26, shown["commune"]),
        _Column("Qualité sur 100", 9, shown["score"]),
        _Column("À vérifier d'abord", 34, shown["problemes"]),
        *pairs,
        _Column(layout.CHECKED_TITLE, 12, choices=yes_no, help="« oui » si tout est juste."),
        _Column(
            layout.CLOSED_TITLE, 12, choices=yes_no, help="« oui » retire le point d'accueil des données publiées."
        ),
        _Column(layout.COMMENT, 40, help="Jamais publié. Ne nommer personne."),
        _Column("Dernière mise à jour", 12, shown["date"]),
        _Column("Sources", 22, shown["sources"]),
        _Column(layout.FINGERPRINT, 18, values["empreinte"], hidden=True),
    ]


def _pair(field: Field, current: pl.Series, width: int) -> list[_Column]:
    erase = f" {layout.CLEAR} pour effacer." if field.effacable else ""
    return [
        _Column(field.actuel, width, current),
        _Column(field.corrige, width, choices=field.valeurs, help=f"Laisser vide si la valeur est juste.{erase}"),
    ]


def _points(sheet: Worksheet, styles: dict[str, Format], columns: list[_Column], count: int) -> None:
    sheet.freeze_panes(1, 3)
    sheet.set_row(0, 45)
    for number, column in enumerate(columns):
        to_fill = column.values is None
        sheet.set_column(number, number, column.width, None, {"hidden": True} if column.hidden else {})
        sheet.write_string(0, number, column.heading, styles["entete_saisie" if to_fill else "entete"])
        if column.values is None:
            for line in range(1, count + 1):
                sheet.write_blank(line, number, None, styles["saisie"])
            if count:
                sheet.data_validation(1, number, count, number, _validation(column))
        else:
            for line, value in enumerate(column.values, start=1):
                sheet.write_string(line, number, (value or "")[:_CELL_LIMIT], styles["actuel"])
    sheet.autofilter(0, 0, max(count, 1), len(columns) - 1)
    allowed = ("select_locked_cells", "select_unlocked_cells", "format_columns", "format_rows", "autofilter")
    sheet.protect("", dict.fromkeys(allowed, True))
    sheet.set_landscape()
    sheet.repeat_rows(0)
    sheet.print_area(f"A1:{xl_col_to_name(len(columns) - 2)}{count + 1}")


def _validation(column: _Column) -> dict[str, Any]:
    told = {"input_message": column.help} if column.help else {}
    if not column.choices:
        return {"validate": "any", **told}
    clear = (layout.CLEAR,) if layout.CLEAR in column.help else ()
    return {
        "validate": "list",
        "source": list(chain(column.choices, clear)),
        "error_title": "Valeur hors de la liste",
        "error_message": "Choisir une valeur de la liste, ou laisser vide.",
        **told,
    }
