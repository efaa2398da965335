"""The quality report for people (`rapport.html`), and the list of issues for their spreadsheets (`issues.csv`).

One self-contained page in French: no script, no network, every value escaped (values come from outside). It says what
the verdict says and computes nothing of its own but sums and differences.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.foundations.issues import ISSUE_SCHEMA
from quality.contract import Contract
from quality.coverage import Coverage, total
from quality.page import environment, share, style
from quality.results import RuleResult, shorten
from quality.variation import ABSENT, Axis, Counts, SourceStatus, describe_move
from quality.verdict import Verdict

_TEMPLATES = Path(__file__).parent / "templates"
_MAX_ROWS = 12  # movements shown by source and axis
_ISSUE_EXAMPLES = 3
_SEVERITIES = ("erreur", "avertissement", "info")
_COVERAGE = (
    ("positions", "position connue"),
    ("horaires", "horaires connus"),
    ("identifiants", "identifiant national"),
    ("recoupes", "plusieurs sources"),
)
_THIN_PERCENTS = 10  # below the whole by so much, a département is named
_THIN_SHOWN = 5

# What makes a spreadsheet read a cell as a formula (OWASP, "CSV Injection"), full-width forms included.
_FORMULA = r"^([=+\-@\t\r\n＝＋－＠])"


@dataclass(frozen=True)
class ReportContext:
    """What the report says beside the verdict.

    `previous` are the counts of the last promoted release, `outside` the type codes that the typology does not know
    (source, then code, then number of records), `contracts` give tables their titles.
    """

    titre: str
    version: str
    date_reference: date
    contracts: Mapping[str, Contract]
    previous: Counts | None = None
    previous_version: str | None = None
    outside: Mapping[str, Mapping[str, int]] | None = None
    fictif: bool = False


def render_report(verdict: Verdict, issues: pl.DataFrame, context: ReportContext) -> str:
    """The page.

    Args:
        verdict: what is told.
        issues: in `ISSUE_SCHEMA`.
        context: the rest.
    """
    titles = {name: contract.title for name, contract in context.contracts.items()}
    titles |= {source.id: source.titre for source in verdict.sources}
    # An optional feed that never came is one line for them all, or its kind buries what is to be looked at.
    unread = {r.source for r in verdict.alertes if r.regle.endswith(".disponibilite")}
    never = {s.id: s.titre for s in verdict.sources if s.etat == ABSENT and not s.requise and s.id in unread}
    pages = environment(_TEMPLATES)
    pages.globals["percent"] = _percent
    return pages.get_template("rapport.html.j2").render(
        context=context,
        verdict=verdict,
        titles=titles,
        snapshots={source.id: source.empreinte for source in verdict.sources},
        style=style(_TEMPLATES / "rapport.css"),
        measures=_COVERAGE,
        whole=total(verdict.couverture),
        thin=_thin(verdict.couverture),
        sources=[_source(s, verdict, context.previous) for s in verdict.sources if s.etat != ABSENT],
        absent=[s for s in verdict.sources if s.etat == ABSENT],
        tables=_tables(verdict.resultats, titles),
        never=never,
        # Why a feed could not be read is a message of the machine, and as long as the feed has files.
        unread={f"{s.id}.disponibilite": s for s in verdict.sources if s.refus},
        movements=_movements(verdict.comptages, context.previous),
        outside=_outside(context.outside or {}),
        issues=_issues(issues),
        issue_totals=[(s, n) for s in _SEVERITIES if (n := issues.filter(pl.col("gravite") == s).height)],
    )


def write_report(path: Path, verdict: Verdict, issues: pl.DataFrame, context: ReportContext) -> None:
    """Write the page by one rename."""
    _replace(path, render_report(verdict, issues, context).encode())


def write_issues_csv(issues: pl.DataFrame, path: Path) -> None:
    """Write every issue: UTF-8, RFC 4180 (comma, CRLF), sorted by source, rule and record.

    All columns are text and stay as they are (`05` keeps its zero), but a cell that a spreadsheet would run as a
    formula is preceded by an apostrophe.
    """
    frame = issues.select(ISSUE_SCHEMA.names()).sort(
        "source", "regle", "id_source", "colonne", "valeur", "gravite", "motif", nulls_last=True
    )
    safe = frame.with_columns(pl.all().str.replace(_FORMULA, "'${1}"))
    written = safe.write_csv(line_terminator="\r\n", quote_style="necessary", null_value="")
    _replace(path, written.encode())


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)


def _percent(part: int, whole: int) -> str:
    """`85 %`, `–` of nothing."""
    value = share(part, whole)
    return "–" if value is None else f"{value}\u202f%"


def _thin(coverage: Iterable[Coverage]) -> list[Coverage]:
    """Départements where hours are known far less than elsewhere, the barest first."""
    rows = [row for row in coverage if row.points]
    whole = total(rows)
    if not rows:
        return []
    bar = 100 * whole["horaires"] / whole["points"] - _THIN_PERCENTS
    bare = [row for row in rows if 100 * row.horaires / row.points < bar]
    return sorted(bare, key=lambda row: (row.horaires / row.points, row.departement))[:_THIN_SHOWN]


def _source(source: SourceStatus, verdict: Verdict, previous: Counts | None) -> dict[str, Any]:
    """One line of the table of sources."""
    results = [r for r in verdict.resultats if r.source == source.id]
    now = _total(verdict.comptages, source.id)
    before = _total(previous, source.id) if previous else None
    return {
        "source": source,
        "verdict": _state(results),
        "faults": [r for r in results if r.statut != "ok"],
        "move": describe_move(before, now) if now is not None and before is not None else None,
    }


def _total(counts: Counts, source: str) -> int | None:
    """Records of a source: each has one département, whereas it may carry several codes."""
    found = counts.departement.get(source)
    return None if found is None else sum(found.values())


def _tables(results: Iterable[RuleResult], titles: Mapping[str, str]) -> list[dict[str, Any]]:
    """One line per table: its rows, how many rules hold, what does not."""
    by_table: dict[str, list[RuleResult]] = {}
    for result in results:
        if result.table:
            by_table.setdefault(result.table, []).append(result)
    return [
        {
            "name": name,
            "title": titles.get(name, name),
            "rows": next((r.nb_valeurs for r in found if r.regle.endswith(".lignes.minimum")), None),
            "rules": len(found),
            "ok": sum(r.statut == "ok" for r in found),
            "verdict": _state(found),
        }
        for name, found in by_table.items()
    ]


def _state(results: Iterable[RuleResult]) -> str:
    """The worst of some results: `bloque`, `alerte`, `accepté` or `ok`."""
    found = list(results)
    if any(r.bloque for r in found):
        return "bloque"
    if any(r.alerte for r in found):
        return "alerte"
    return "accepté" if any(r.statut == "accepté" for r in found) else "ok"


def _movements(current: Counts, previous: Counts | None) -> list[dict[str, Any]]:
    """By source and axis, the groups that moved, the largest movement first."""
    if previous is None:
        return []
    axes: tuple[tuple[Axis, str], ...] = (("code", "code de type"), ("departement", "département"))
    found = []
    for source in sorted({*current.code, *previous.code}):
        for axis, label in axes:
            new, old = current.along(axis).get(source, {}), previous.along(axis).get(source, {})
            moved = [(g, old.get(g, 0), new.get(g, 0)) for g in {*new, *old} if old.get(g, 0) != new.get(g, 0)]
            moved.sort(key=lambda m: (-abs(m[2] - m[1]), m[0]))
            found.append(
                {
                    "source": source,
                    "label": label,
                    "still": len({*new, *old}) - len(moved),
                    "moved": len(moved),
                    "rows": [(g, b, a, describe_move(b, a)) for g, b, a in moved[:_MAX_ROWS]],
                }
            )
    return found


def _outside(outside: Mapping[str, Mapping[str, int]]) -> list[tuple[str, str, int]]:
    rows = [(source, code, n) for source, codes in outside.items() for code, n in codes.items()]
    return sorted(rows, key=lambda r: (-r[2], r[0], r[1]))


def _issues(issues: pl.DataFrame) -> list[dict[str, Any]]:
    """One line per source, rule and severity: how many, why, the first examples. Gravest and most frequent first."""
    grouped = issues.group_by("source", "regle", "gravite", maintain_order=True).agg(
        pl.len().alias("n"),
        pl.col("motif").first(),
        pl.struct("id_source", "colonne", "valeur").head(_ISSUE_EXAMPLES).alias("examples"),
    )
    rows = sorted(
        grouped.iter_rows(named=True),
        key=lambda r: (_SEVERITIES.index(r["gravite"]), -r["n"], r["source"], r["regle"]),
    )
    for row in rows:
        row["examples"] = [
            {"record": e["id_source"], "column": e["colonne"], "value": shorten(e["valeur"] or "", 80)}
            for e in row["examples"]
        ]
    return rows
