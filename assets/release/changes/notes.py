"""The changes of a release told in French, for a person: `changements/notes.md`, and their short form in `NOTES.md`.

Sober and bounded: what is listed is in `notes.yml`, all of it is in `changements/diff.parquet`. What is told comes from
`summary`; nothing is counted here.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import polars as pl

from assets.release.changes.evidence import CAME, LEFT, NEWS, SAME, Evidence
from assets.release.changes.settings import (
    CORRECTION,
    GEOGRAPHY,
    METHOD,
    OFFRE,
    PERIMETER,
    POPULATION,
    ROADS,
    SOURCE,
    UNKNOWN,
    reason_settings,
)
from assets.release.changes.summary import MEASURES, Summary
from assets.release.manifest import Source
from pipeline.foundations.text import key
from quality.results import RuleResult, number, percent, plural

FIRST = "Première version : il n'y a rien à quoi la comparer.\n"
_FILE = "`changements/diff.parquet`"
_MEANS = {
    OFFRE: "le service a ouvert, fermé, déménagé ou changé, d'après la source qui fait foi",
    CORRECTION: "la même réalité, mieux ou moins bien connue : terrain, autre source, position ou écriture corrigée",
    GEOGRAPHY: "les codes ou les contours des territoires ont changé",
    POPULATION: "les habitants comptés ont changé",
    ROADS: "les routes ont changé",
    SOURCE: "un fichier a changé en bloc, est apparu ou a disparu : la réalité n'a sans doute pas bougé d'autant",
    METHOD: "le code a changé : les mêmes fichiers donnent une autre valeur",
    PERIMETER: "les départements couverts ne sont pas les mêmes",
    UNKNOWN: "aucune règle ne l'explique",
}
_MOVEMENTS = {NEWS: "nouvelle édition", CAME: "nouvelle source", LEFT: "n'est plus là"}
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|#])")


def full(summary: Summary, evidence: Evidence, accepted: Sequence[RuleResult]) -> str:
    """The whole account, as Markdown; the same diff gives the same text.

    Args:
        accepted: breaches of the quality rules that a steward explained for this release.
    """
    before, after = summary.before, summary.after
    lines = [f"# Ce qui change de la version {before.version} à la version {after.version}", ""]
    if after.fictif:
        lines += ["> **Données fictives.** Ni les lieux ni les services n'existent.", ""]
    lines += [*_in_short(summary), "", *_inputs(evidence), *_accepted(accepted), *_reasons(summary)]
    lines += _movements(summary, "typologie", summary.by_typology, _text)
    lines += _movements(summary, "département", summary.by_departement, _departement(summary))
    lines += _to_look_at(summary)
    lines += _access(summary)
    lines += _tables(summary)
    lines += [
        f"Toutes les lignes, avec leur raison et ce qui l'a fait choisir, sont dans {_FILE} ; les règles, dans la "
        "méthode, à « Ce qui change ».",
        "",
    ]
    return "\n".join(lines)


def short(summary: Summary) -> str:
    """What `NOTES.md` says of the changes: a paragraph, the reasons, where the rest is."""
    lines = [f"Depuis la version {summary.before.version}. " + " ".join(_in_short(summary)), ""]
    lines += _reason_table(summary)
    lines += ["", "Le détail : `changements/notes.md`, pour les gens ; `changements/diff.parquet`, ligne à ligne.", ""]
    return "\n".join(lines)


def _in_short(summary: Summary) -> list[str]:
    was, now = summary.before.side.counters.height, summary.after.side.counters.height
    said = [
        f"{plural(now, 'point d’accueil', 'points d’accueil')}, contre {number(was)} : "
        f"{plural(summary.came.height, 'apparu')}, {plural(summary.left.height, 'disparu')}, "
        f"{plural(summary.modified, 'modifié')}."
    ]
    if summary.renamed.height:
        said.append(
            f"{number(summary.renamed.height)} continuent sous un autre identifiant, sont réunis à un autre ou séparés "
            "d'un autre : ils ne comptent ni comme ouvertures, ni comme fermetures."
        )
    return said


# --- what the release is made from ---------------------------------------------------------------------------------


def _inputs(evidence: Evidence) -> list[str]:
    """Sources that are not the same, code, perimeter."""
    old, new = ({s.id: s for s in edition.sources} for edition in (evidence.before, evidence.after))
    rows = [
        (_text((new.get(name) or old[name]).titre), _MOVEMENTS[movement], _state(old.get(name)), _state(new.get(name)))
        for name, movement in evidence.sources.filter(pl.col("mouvement") != SAME)
        .select("source", "mouvement")
        .iter_rows()
    ]
    lines = ["## Ce dont la version est faite", ""]
    lines += _table(("source", "", "avant", "après"), rows) if rows else ["Les fichiers sources sont les mêmes.", ""]
    lines += ["Le code a changé." if evidence.code_changed else "Le code est le même.", ""]
    came = sorted(set(evidence.after.perimetre) - set(evidence.before.perimetre))
    gone = sorted(set(evidence.before.perimetre) - set(evidence.after.perimetre))
    for codes, word in ((came, "nouveaux"), (gone, "retirés")):
        if codes:
            lines += [f"Départements {word} : {', '.join(codes)}.", ""]
    return lines


def _state(source: Source | None) -> str:
    if source is None or not source.fichiers:
        return "absente"
    rows = "" if source.lignes_utilisables is None else f", {plural(source.lignes_utilisables, 'enregistrement')}"
    return f"fichier du {min(f.date_fichier for f in source.fichiers):%d/%m/%Y}{rows}"


def _accepted(accepted: Sequence[RuleResult]) -> list[str]:
    if not accepted:
        return []
    items = [f"`{r.regle}` : {_text(r.observe)}. Motif : {_text(r.acceptation or '')}." for r in accepted]
    return ["## Écarts inhabituels, expliqués et acceptés", "", *_items(items, len(items)), ""]


# --- counters ------------------------------------------------------------------------------------------------------


def _reasons(summary: Summary) -> list[str]:
    lines = ["## Pourquoi", "", *_reason_table(summary), ""]
    met = {reason for text in summary.by_reason["raison"] for reason in text.split(", ")}
    return [*lines, *(f"- **{reason}** : {said}" for reason, said in _MEANS.items() if reason in met), ""]


def _reason_table(summary: Summary) -> list[str]:
    rows = [(row[0], *map(number, row[1:])) for row in summary.by_reason.iter_rows()]
    head = ("points d'accueil, par raison", "apparus", "disparus", "sous un autre identifiant", "modifiés")
    return _table(head, rows)[:-1]


def _movements(summary: Summary, name: str, moved: pl.DataFrame, shown: Callable[[str], str]) -> list[str]:
    if moved.is_empty():
        return []
    limit = summary.settings.lignes
    rows = [
        (shown(group), number(was), number(now), _signed(now - was), number(came), number(left))
        for group, was, now, came, left in moved.head(limit).iter_rows()
    ]
    lines = [f"## Par {name}", "", *_table((name, "avant", "après", "écart", "apparus", "disparus"), rows)]
    return [*lines, *_beyond(moved.height - limit)]


def _to_look_at(summary: Summary) -> list[str]:
    """The cases worth a look, each with its list."""
    settings = summary.settings
    commune, departement = _commune(summary), _departement(summary)

    def counter(row: dict[str, Any]) -> str:
        said = key(row["typologie"]) in key(row["nom"])
        typology = "" if said else f" ({_text(row['typologie'])})"
        return f"{_text(row['nom'])}{typology}, {commune(row['commune'])}"

    parts: list[tuple[str, list[str]]] = [
        ("Mouvements en bloc, dont on ne sait pas s'ils sont réels", [_text(said) for said in summary.bulk]),
        (
            f"Typologies en baisse de plus de {_short(settings.baisse_typologie_pct)} %",
            [
                _fall(_text(row[0]), *row[1:3])
                for row in summary.falls(summary.by_typology, settings.baisse_typologie_pct).iter_rows()
            ],
        ),
        (
            f"Départements en baisse de plus de {_short(settings.baisse_departement_pct)} %",
            [
                _fall(departement(row[0]), *row[1:3])
                for row in summary.falls(summary.by_departement, settings.baisse_departement_pct).iter_rows()
            ],
        ),
        (
            "Disparus qui étaient les seuls de leur typologie dans la commune",
            [
                f"{counter(row)} — {_why(row)}"
                + (" ; la commune n'a plus aucun point d'accueil" if row["seul"] else "")
                for row in summary.last_of_their_commune.iter_rows(named=True)
            ],
        ),
        (
            f"Déplacés de plus de {_kilometres(settings.deplacement_m)}",
            [
                f"{counter(row)} : {_kilometres(row['metres'])} — {_why(row)}"
                for row in summary.moved.iter_rows(named=True)
            ],
        ),
        (
            "N'ont plus de position : aucune distance ne se mesure plus jusqu'à eux",
            [f"{counter(row)} — {_why(row)}" for row in summary.lost.iter_rows(named=True)],
        ),
        (
            f"Ouverts plus de {_hours(settings.horaires_h)} de plus ou de moins par semaine",
            [
                f"{counter(row)} : {_hours(row['heures_avant'])} → {_hours(row['heures'])} — {_why(row)}"
                for row in summary.rescheduled.iter_rows(named=True)
            ],
        ),
    ]
    lines = ["## À regarder", ""]
    for title, items in parts:
        if items:
            lines += [f"**{title}** ({number(len(items))})", "", *_items(items, settings.lignes), ""]
    return lines if len(lines) > 2 else []


def _why(row: dict[str, Any]) -> str:
    return row["raison"] or "raison non détaillée"


def _fall(name: str, was: int, now: int) -> str:
    return f"{name} : {number(was)} → {number(now)} ({_signed(now - was)}, {percent(now - was, was)})"


# --- the rest ------------------------------------------------------------------------------------------------------


def _access(summary: Summary) -> list[str]:
    """Communes that are nearer or farther, measure by measure."""
    lines: list[str] = []
    for table, column, name in MEASURES:
        threshold = float(getattr(summary.settings, name))
        moved = summary.access(table, column, threshold)
        if moved.is_empty():
            continue
        by = _kilometres(threshold) if column.endswith("_m") else f"{_short(threshold)} min"
        what = "à vol d'oiseau" if column.endswith("_m") else "en temps moyen par la route"
        rows = [
            (
                _text(row["typologie"]),
                *(number(row[name]) for name in ("loin", "habitants_loin", "pres", "habitants_pres")),
                row["raison"],
            )
            for row in moved.head(summary.settings.lignes).iter_rows(named=True)
        ]
        head = ("typologie", "communes plus loin", "habitants", "communes plus près", "habitants", "surtout")
        lines += [
            f"## Accès, {what}",
            "",
            f"Communes dont le plus proche s'est éloigné ou rapproché de plus de {by}.",
            "",
        ]
        lines += [*_table(head, rows), *_beyond(moved.height - summary.settings.lignes)]
    return lines


def _tables(summary: Summary) -> list[str]:
    titles = {
        name: shape.title for edition in (summary.before, summary.after) for name, shape in edition.tables.items()
    }
    layers = {
        name: shape.layer for edition in (summary.before, summary.after) for name, shape in edition.tables.items()
    }
    rows = [
        (f"`{layers[name]}`", _text(titles[name]), *map(number, counts)) for name, *counts in summary.tables.iter_rows()
    ]
    head = ("table", "contenu", "lignes ajoutées", "retirées", "sous un autre identifiant", "modifiées")
    lines = ["## Par table", ""]
    if rows:
        lines += ["Une ligne est modifiée dès qu'une de ses cases l'est, dates de mise à jour comprises.", ""]
    lines += _table(head, rows) if rows else ["Aucune ligne n'a changé.", ""]
    silent = [f"`{layers[name]}` ({why})" for name, why in reason_settings().sans_detail.items() if name in layers]
    return [*lines, *([f"Ne sont pas comparées ligne à ligne : {' ; '.join(silent)}.", ""] if silent else [])]


# --- how things are written ----------------------------------------------------------------------------------------


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table and an empty line; all columns but the texts on the left are numbers."""
    rows = list(rows)
    numeric = [all(re.fullmatch(r"[+−]?[\d\u202f,]+", row[i]) for row in rows) for i in range(len(head))]
    rule = "|" + "|".join("---:" if right and rows else "---" for right in numeric) + "|"
    return [f"| {' | '.join(head)} |", rule, *(f"| {' | '.join(row)} |" for row in rows), ""]


def _items(items: Sequence[str], limit: int) -> list[str]:
    more = len(items) - limit
    return [
        *(f"- {item}" for item in items[:limit]),
        *([f"- … et {plural(more, 'autre')}, dans {_FILE}"] if more > 0 else []),
    ]


def _beyond(more: int) -> list[str]:
    return [f"… et {plural(more, 'autre')}.", ""] if more > 0 else []


def _text(value: object) -> str:
    """Text from outside, on one line, its characters shown and not obeyed."""
    return _MARKDOWN.sub(r"\\\1", " ".join(str(value or "sans nom").split()))


def _commune(summary: Summary) -> Callable[[object], str]:
    names = summary.commune_names

    def name(code: object) -> str:
        return f"{_text(names.get(str(code), 'commune'))} ({_text(code)})" if code else "commune inconnue"

    return name


def _departement(summary: Summary) -> Callable[[str], str]:
    names = summary.departement_names
    return lambda code: f"{_text(names.get(code, ''))} ({_text(code)})" if code in names else _text(code)


def _signed(value: int) -> str:
    return f"+{number(value)}" if value > 0 else number(value)


def _kilometres(metres: float) -> str:
    return f"{_short(metres / 1000)} km"


def _hours(value: float) -> str:
    return f"{_short(value)} h"


def _short(value: float) -> str:
    """One decimal, and none when it is nought."""
    rounded = round(value, 1)
    return number(int(rounded) if rounded == int(rounded) else rounded)
