"""The Géoplateforme geocoding service: asked in batches, its answers kept on disk so that each address is asked once.

The answers are kept as they came, one JSON line per address; judging them is done at each reading, so that a changed
threshold asks nothing again. Nothing is asked unless the build was told to.
"""

import csv
import hashlib
import io
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from assets.referentiel.geocode.answers import ANSWER_SCHEMA
from assets.referentiel.geocode.settings import ServiceSettings
from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.progress import reporter
from pipeline.foundations.urls import safe_url

_TRANSIENT = (408, 429, 500, 502, 503, 504)
_SENT = ("cle", "adresse", "citycode")
_KEPT = (
    "longitude",
    "latitude",
    "result_score",
    "result_type",
    "result_label",
    "result_id",
    "result_citycode",
    "result_status",
)


@dataclass(frozen=True)
class AnswerStore:
    """The answers of the service kept on disk, by address. A line cut by a crash is ignored and asked again."""

    path: Path

    def digest(self) -> str:
        """What the answers held now are, for the recipe of what is made from them."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest() if self.path.is_file() else "vide"

    def lines(self) -> dict[tuple[str, str], dict[str, Any]]:
        """The last answer of each (`code_lieu`, `cle_adresse`)."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        if not self.path.is_file():
            return found
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                answer = json.loads(line)
                found[answer["code_lieu"], answer["cle_adresse"]] = answer
            except (ValueError, KeyError, TypeError):
                continue
        return found

    def add(self, answers: Sequence[Mapping[str, Any]]) -> None:
        """Append answers; a torn last line is closed first."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        torn = self.path.is_file() and self.path.stat().st_size and self.path.read_bytes()[-1:] != b"\n"
        with self.path.open("a", encoding="utf-8") as file:
            file.write("\n" if torn else "")
            file.writelines(json.dumps(a, ensure_ascii=False, sort_keys=True) + "\n" for a in answers)


def ask(
    wanted: pl.DataFrame,
    store: AnswerStore,
    rules: ServiceSettings,
    *,
    today: date,
    districts: Mapping[str, str],
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Ask the service for the addresses the store does not hold; return how many were answered.

    Args:
        wanted: `code_lieu`, `cle_adresse`, `commune` (its name).
        today: date of the answers.
        districts: commune of each municipal district.

    What is answered is kept batch by batch: an interrupted run resumes where it stopped.

    Raises:
        SourceUnreadable: the service keeps failing, refuses, or answers something else than the table asked for.
    """
    held = store.lines()
    rows = [row for row in wanted.iter_rows(named=True) if (row["code_lieu"], row["cle_adresse"]) not in held]
    answered, cities = 0, frozenset(districts.values())
    with _session(rules) as session:
        for start in range(0, len(rows), rules.lot):
            if start:
                sleep(rules.pause_s)
            batch = rows[start : start + rules.lot]
            answers = list(_ask_batch(batch, session, rules, today, cities))
            store.add(answers)
            answered += len(answers)
            reporter().advance(answered, len(rows))
    return answered


def answers(
    wanted: pl.DataFrame, store: AnswerStore, rules: ServiceSettings, districts: Mapping[str, str]
) -> pl.DataFrame:
    """Judge the answers held for these addresses -> `ANSWER_SCHEMA`; an address never asked has no row.

    Args:
        wanted: `code_lieu, cle_adresse`.
        districts: commune of each municipal district.
    """
    held = store.lines()
    rows = [
        {"code_lieu": code, "cle_adresse": key, **_judge(code, held[code, key], rules, districts)}
        for code, key in wanted.select("code_lieu", "cle_adresse").iter_rows()
        if (code, key) in held
    ]
    return pl.DataFrame(rows, schema=ANSWER_SCHEMA)


def _judge(
    code: str, answer: Mapping[str, Any], rules: ServiceSettings, districts: Mapping[str, str]
) -> dict[str, Any]:
    score, longitude, latitude = (_number(answer.get(n)) for n in ("result_score", "longitude", "latitude"))
    found, kind = str(answer.get("result_citycode") or ""), str(answer.get("result_type") or "")
    said = {
        "geocodage_score": score,
        "geocodage_date": date.fromisoformat(answer["date"]),
        "libelle": answer.get("result_label") or None,
    }
    if score is None or longitude is None or latitude is None:
        return {**said, "motif": "adresse inconnue du service"}
    if districts.get(found, found) != districts.get(code, code) or (code in districts and found != code):
        return {**said, "motif": f"autre commune ({found})"}
    if kind not in rules.types:
        return {**said, "motif": f"réponse trop vague ({kind})"}
    if score < rules.score_min:
        return {**said, "motif": f"score trop bas ({score:.2f})"}
    identifier = answer.get("result_id") if kind == "housenumber" else None
    return {
        **said,
        "longitude": longitude,
        "latitude": latitude,
        "geocodage_methode": rules.types[kind],
        "id_ban": identifier or None,
    }


def _number(text: Any) -> float | None:
    try:
        number = float(text)
    except (TypeError, ValueError):
        return None
    return number if abs(number) <= 180 else None  # NaN and infinities fail too


def _session(rules: ServiceSettings) -> requests.Session:
    session = requests.Session()
    retry = Retry(
        total=rules.essais - 1,
        status_forcelist=_TRANSIENT,
        allowed_methods=frozenset({"POST"}),
        backoff_factor=1.0,
        respect_retry_after_header=True,
        redirect=0,
        raise_on_status=False,
    )
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    session.headers["User-Agent"] = "carto-services-publics"
    return session


def _ask_batch(
    batch: Sequence[Mapping[str, Any]],
    session: requests.Session,
    rules: ServiceSettings,
    today: date,
    cities: frozenset[str],
) -> Iterator[dict[str, Any]]:
    form = io.StringIO()
    writer = csv.writer(form)
    writer.writerow(_SENT)
    for i, row in enumerate(batch):
        # The service knows the districts of Paris, Lyon and Marseille, not the cities: there the name alone filters.
        code = "" if row["code_lieu"] in cities else row["code_lieu"]
        writer.writerow((i, f"{row['cle_adresse']} {row['commune']}", code))
    fields = [("columns", "adresse"), ("citycode", "citycode"), ("index", rules.index)]
    fields += [("result_columns", name) for name in _KEPT]
    try:
        response = session.post(
            rules.url,
            data=fields,
            files={"data": ("adresses.csv", form.getvalue().encode(), "text/csv")},
            timeout=(10, rules.delai_s),
            stream=True,
            allow_redirects=False,
        )
        text = _body(response, rules)
    except requests.RequestException as error:
        raise _unreadable(rules, "an answer", type(error).__name__) from error
    for answer in _rows_of(text, len(batch), rules):
        row = batch[int(answer["cle"])]
        yield {
            "code_lieu": row["code_lieu"],
            "cle_adresse": row["cle_adresse"],
            "date": today.isoformat(),
            **{name: answer.get(name) or None for name in _KEPT},
        }


def _body(response: requests.Response, rules: ServiceSettings) -> str:
    with response:
        if response.status_code != 200:
            raise _unreadable(rules, "HTTP 200", f"HTTP {response.status_code}")
        data = bytearray()
        for chunk in response.iter_content(1 << 16):
            data += chunk
            if len(data) > rules.octets_max:
                raise _unreadable(rules, f"at most {rules.octets_max} bytes", "a larger answer")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(rules, "UTF-8 text", "another encoding") from error


def _rows_of(text: str, sent: int, rules: ServiceSettings) -> list[dict[str, str]]:
    """The rows of the answer, each once and of an address that was sent."""
    reader = csv.DictReader(io.StringIO(text))
    missing = [
        name for name in ("cle", "longitude", "latitude", "result_score") if name not in (reader.fieldnames or [])
    ]
    if missing:
        raise _unreadable(rules, f"column(s) {', '.join(missing)}", f"{text[:80]!r}")
    rows = list(reader)
    keys = {row["cle"] for row in rows}
    if len(rows) != sent or keys != {str(i) for i in range(sent)}:
        raise _unreadable(rules, f"one row for each of the {sent} addresses sent", f"{len(rows)} rows")
    return rows


def _unreadable(rules: ServiceSettings, expected: str, found: str) -> SourceUnreadable:
    return SourceUnreadable(
        f"geocoding service {safe_url(rules.url)}",
        expected=expected,
        found=found,
        remedy="run again later: what was answered is kept; or build without asking the service",
    )
