"""The Great Expectations "Data Docs" site of a run, made fit to be published.

As it comes, the site does not escape the values it shows, loads scripts, styles and a dated logo from eight hosts,
quotes the paths of the machine in its tracebacks and numbers its blocks at random. Here results are cleaned before they
are rendered and pages afterwards: no script, no network, no path, and the same run gives the same bytes. The report
written for people is `quality.report`; this one is for those who know Great Expectations.
"""

import html
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from quality.contract import Contract

#: Between the name of a table and the number of a part of its rules, in the name of a suite.
PART = "__partie"
_STYLE = Path(__file__).parent / "templates" / "data_docs.css"

_UNWANTED = re.compile(
    r"<(script|footer)\b.*?</\1>|<link\b[^>]*>|<img\b[^>]*>|\son[a-z]+=\"[^\"]*\"|url\(\s*['\"]?(?:https?:)?//[^)]*\)",
    re.DOTALL | re.IGNORECASE,
)
_BLOCK_ID = re.compile(r"-body-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_POLICY = (
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">"
)


@dataclass(frozen=True)
class DataDocs:
    """Where the site goes, and the name and time of the run (given, never read from the clock).

    `folder` is replaced as a whole. `run_time` is aware.
    """

    folder: Path
    run_name: str
    run_time: datetime


def run_id(docs: DataDocs) -> Any:
    """The Great Expectations identifier of the run."""
    from great_expectations.core.run_identifier import RunIdentifier

    return RunIdentifier(run_name=docs.run_name, run_time=docs.run_time)


def publish(context: Any, docs: DataDocs, contracts: Mapping[str, Contract]) -> None:
    """Render the validations stored in the context into `docs.folder`.

    Args:
        context: a Great Expectations context; its stored results are cleaned in place.
        docs: where, and which run.
        contracts: by table name, for the titles of the index.
    """
    passed = _clean_results(context.validation_results_store, docs)
    for name in list(context.variables.data_docs_sites or {}):
        context.delete_data_docs_site(name)
    with tempfile.TemporaryDirectory() as name:
        site = Path(name)
        context.add_data_docs_site(
            "site",
            {
                "class_name": "SiteBuilder",
                "show_how_to_buttons": False,
                "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(site)},
                "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            },
        )
        context.build_data_docs()
        shutil.rmtree(docs.folder, ignore_errors=True)
        for page in sorted(site.rglob("*.html")):
            place = docs.folder / page.relative_to(site)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(_clean_page(page.read_text(encoding="utf-8"), docs), encoding="utf-8")
    (docs.folder / "index.html").write_text(_index(docs, contracts, passed), encoding="utf-8")


def _clean_results(store: Any, docs: DataDocs) -> dict[str, bool]:
    """Escape what comes from the data, drop tracebacks and clock times; by suite, whether it passed."""
    passed = {}
    for key in store.list_keys():
        outcome = store.get(key)
        passed[outcome.suite_name] = bool(outcome.success)
        outcome.meta["batch_markers"] = {"ge_load_time": docs.run_time.isoformat()}
        for result in outcome.results:
            result.result = _escaped(result.result)
            result.exception_info = _without_traceback(result.exception_info)  # escaped where it is rendered
        store.set(key, outcome)
    return passed


def _without_traceback(info: Any) -> Any:
    if isinstance(info, Mapping):
        return {k: "" if k == "exception_traceback" and v else _without_traceback(v) for k, v in info.items()}
    return info


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return html.escape(value)
    if isinstance(value, Mapping):
        return {k: _escaped(v) for k, v in value.items()}
    return [_escaped(v) for v in value] if isinstance(value, list | tuple) else value


def _clean_page(page: str, docs: DataDocs) -> str:
    page = _BLOCK_ID.sub("-body", _UNWANTED.sub("", page))
    # It writes the local time of the machine and calls it UTC.
    said, meant = (f"{t:%Y-%m-%dT%H:%M:%SZ}" for t in (docs.run_time.astimezone(), docs.run_time.astimezone(UTC)))
    page = page.replace(said, meant)
    return page.replace("<head>", f"<head>{_POLICY}", 1).replace("</head>", f"<style>{_style()}</style></head>", 1)


def _style() -> str:
    return _STYLE.read_text(encoding="utf-8")


def _index(docs: DataDocs, contracts: Mapping[str, Contract], passed: Mapping[str, bool]) -> str:
    rows = []
    for page in sorted(docs.folder.glob("validations/**/*.html")):
        suite = page.relative_to(docs.folder).parts[1]
        table, _, part = suite.partition(PART)
        title = contracts[table].title + (f" ({part})" if part else "") if table in contracts else suite
        state = "toutes les règles passent" if passed.get(suite) else "des règles échouent"
        rows.append(
            f'<tr><th scope="row"><a href="{_href(page, docs)}">{html.escape(title)}</a></th>'
            f"<td>{html.escape(suite)}</td><td>{state}</td>"
            f'<td><a href="expectations/{html.escape(suite)}.html">règles</a></td></tr>'
        )
    return (
        f'<!DOCTYPE html>\n<html lang="fr"><head><meta charset="utf-8">{_POLICY}'
        f"<title>Contrôles par table</title><style>{_style()}</style></head><body><main>"
        f"<h1>Contrôles par table</h1><p>Passage {html.escape(docs.run_name)} ({docs.run_time:%d/%m/%Y}). "
        "Pages produites par Great Expectations.</p>"
        '<table><thead><tr><th scope="col">Table</th><th scope="col">Nom technique</th>'
        '<th scope="col">État</th><th scope="col">Détail des règles</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></main></body></html>\n"
    )


def _href(page: Path, docs: DataDocs) -> str:
    return quote(page.relative_to(docs.folder).as_posix())
