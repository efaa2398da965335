"""Code officiel géographique of one vintage: current communes, the levels above them, and the codes that are no longer.

Source: the six JSON files of `@etalab/decoupage-administratif` (Insee, DGCL). Outlines are another source; what becomes
of a commune between two vintages of ours belongs to `assets.territories`.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.issues import IssueLog
from sources.reading import ReadResult, check_columns
from sources.spec import SourceSpec

_TEXT, _LIST, _COUNT = pl.String(), pl.List(pl.String()), pl.Int64()

#: Tables of the source. Codes are text; populations are municipal populations, null where unknown. Those of `epci` and
#: `ept` are as published, one census behind those of `communes`: their sum over the members differs.
SCHEMAS: dict[str, pl.Schema] = {
    "communes": pl.Schema(
        {
            "code": _TEXT,
            "nom": _TEXT,
            "departement": _TEXT,
            "region": _TEXT,
            "arrondissement": _TEXT,
            "zone": _TEXT,  # metro | drom | com (collectivity overseas: outside every EPCI)
            "population": _COUNT,
            "epci": _TEXT,  # SIREN; null on four islands and in zone com
            "ept": _TEXT,  # SIREN of the établissement public territorial, Grand Paris only
            "codes_postaux": _LIST,
            "siren": _TEXT,
            "chef_lieu": _TEXT,  # region | departement | arrondissement: the highest it is the seat of
        }
    ),
    "epci": pl.Schema({"code": _TEXT, "nom": _TEXT, "type": _TEXT, "population": _COUNT, "membres": _COUNT}),
    "ept": pl.Schema({"code": _TEXT, "nom": _TEXT, "type": _TEXT, "population": _COUNT, "membres": _COUNT}),
    "arrondissements": pl.Schema(
        {"code": _TEXT, "nom": _TEXT, "departement": _TEXT, "region": _TEXT, "chef_lieu": _TEXT}
    ),
    "departements": pl.Schema({"code": _TEXT, "nom": _TEXT, "region": _TEXT, "zone": _TEXT, "chef_lieu": _TEXT}),
    "regions": pl.Schema({"code": _TEXT, "nom": _TEXT, "zone": _TEXT, "chef_lieu": _TEXT}),
    # type: commune-deleguee | commune-associee | arrondissement-municipal | ancienne-commune
    "anciens_codes": pl.Schema({"code_ancien": _TEXT, "code": _TEXT, "type": _TEXT, "nom": _TEXT}),
    "arrondissements_municipaux": pl.Schema(
        {"code": _TEXT, "nom": _TEXT, "commune": _TEXT, "population": _COUNT, "codes_postaux": _LIST}
    ),
}

_CURRENT, _DISTRICT = "commune-actuelle", "arrondissement-municipal"
_OVERSEAS = "com"
_ZONES = frozenset({"metro", "drom", _OVERSEAS})

#: Lists of codes, and the keys that are not text.
_CODES = frozenset({"codesPostaux", "anciensCodes"})
_KINDS: dict[str, type] = {
    "population": int,
    "populationMunicipale": int,
    "membres": list,
    **dict.fromkeys(_CODES, list),
}

_Rows = list[dict[str, Any]]


def read(files: Mapping[str, Path], spec: SourceSpec) -> ReadResult:
    """Read one vintage of the COG.

    Args:
        files: `communes, epci, ept, arrondissements, departements, regions`.

    Returns:
        The tables of `SCHEMAS`, each sorted by code. `read` counts the objects of `communes`, of every type.

    Raises:
        SourceUnreadable: not a list of JSON objects; a key missing from an object, or of another type; a code twice; an
            unknown type of commune; a commune whose département or arrondissement is not in the files.
    """
    log = IssueLog(spec.id)
    found = {resource.id: _load(files[resource.id], spec, resource.id) for resource in spec.resources}
    by_type = _by_type(found["communes"], spec)
    for part, rows in {**by_type, **{name: rows for name, rows in found.items() if name != "communes"}}.items():
        _check(rows, spec, part, log)
    members = [member for part in ("epci", "ept") for group in found[part] for member in group["membres"]]
    _check(_objects(members, spec, "membres"), spec, "membres", log)

    current = by_type[_CURRENT] + by_type[f"{_CURRENT}-{_OVERSEAS}"]
    tables = {
        "communes": _communes(current, found, spec, log),
        **{name: _frame(map(_group, found[name]), name, spec) for name in ("epci", "ept")},
        **{
            name: _frame(map(_level, found[name]), name, spec)
            for name in ("arrondissements", "departements", "regions")
        },
        "anciens_codes": _former(by_type, current, spec, log),
        "arrondissements_municipaux": _frame(map(_district, by_type[_DISTRICT]), "arrondissements_municipaux", spec),
    }
    _hold_together(tables, spec)
    return ReadResult({name: tables[name] for name in SCHEMAS}, log.frame(), read=len(found["communes"]))


def _unreadable(spec: SourceSpec, part: str, expected: str, found: str) -> SourceUnreadable:
    return SourceUnreadable(
        f"source {spec.id} ({part})",
        expected=expected,
        found=found,
        remedy=f"compare the file with the previous vintage; if its shape changed, update sources/{spec.id}",
    )


def _load(path: Path, spec: SourceSpec, part: str) -> _Rows:
    try:
        rows = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise _unreadable(spec, part, "a JSON document", str(error)) from error
    return _objects(rows, spec, part)


def _objects(rows: Any, spec: SourceSpec, part: str) -> _Rows:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _unreadable(spec, part, "a list of JSON objects", f"a {type(rows).__name__}")
    return rows


def _by_type(rows: _Rows, spec: SourceSpec) -> dict[str, _Rows]:
    """The objects of `communes` by declared part: their `type`, current communes of zone com apart."""
    parts: dict[str, _Rows] = {
        name: [] for name in (_CURRENT, f"{_CURRENT}-{_OVERSEAS}", "commune-deleguee", "commune-associee", _DISTRICT)
    }
    for row in rows:
        kind, zone = str(row.get("type")), str(row.get("zone"))
        if kind == _CURRENT:
            if zone not in _ZONES:
                raise _unreadable(spec, "communes", f"zone {', '.join(sorted(_ZONES))}", _shown(row))
            kind = f"{_CURRENT}-{_OVERSEAS}" if zone == _OVERSEAS else _CURRENT
        if kind not in parts:
            raise _unreadable(spec, "communes", f"type {', '.join(parts)}", f"{kind!r} in {_shown(row)}")
        parts[kind].append(row)
    return parts


def _check(rows: _Rows, spec: SourceSpec, part: str, log: IssueLog) -> None:
    """Every object has the expected keys, of the expected types; keys unknown to the declaration are logged."""
    declared = spec.columns[part]
    for row in rows:
        if missing := [name for name in declared.expected if row.get(name) is None]:
            raise _unreadable(spec, part, f"{', '.join(missing)} in every object", f"none in {_shown(row)}")
        for name in (*declared.expected, *declared.optional):
            kind = _KINDS.get(name, str)
            if name in row and (type(row[name]) is not kind or (name in _CODES and not _all_text(row[name]))):
                raise _unreadable(
                    spec,
                    part,
                    f"{name} of type {'list of text' if name in _CODES else kind.__name__}",
                    f"{row[name]!r:.80} in {_shown(row)}",
                )
    if rows:
        check_columns(spec, part, declared, list(dict.fromkeys(name for row in rows for name in row)), log)


def _all_text(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _shown(row: Mapping[str, Any]) -> str:
    return json.dumps({k: row[k] for k in ("code", "nom", "zone") if k in row}, ensure_ascii=False)


def _frame(rows: Iterable[Mapping[str, Any]], name: str, spec: SourceSpec) -> pl.DataFrame:
    """Rows -> table in its schema, sorted by its first column, which is its key."""
    frame = pl.DataFrame(list(rows), schema=SCHEMAS[name], strict=True)
    key = frame.columns[0]
    if twice := frame.filter(~pl.col(key).is_unique())[key].unique().sort().to_list():
        raise _unreadable(spec, name, "each code once", f"twice: {', '.join(twice[:5])}")
    return frame.sort(key)


def _group(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "code": row["code"],
        "nom": row["nom"],
        "type": row["type"],
        "population": row["populationMunicipale"],
        "membres": len(row["membres"]),
    }


def _level(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{k: row[k] for k in ("departement", "region", "zone", "code", "nom") if k in row},
        "chef_lieu": row["chefLieu"],
    }


def _district(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "code": row["code"],
        "nom": row["nom"],
        "commune": row["commune"],
        "population": row["population"],
        "codes_postaux": row["codesPostaux"],
    }


def _communes(current: _Rows, found: Mapping[str, _Rows], spec: SourceSpec, log: IssueLog) -> pl.DataFrame:
    epci, ept = (_membership(found[part], current, spec, part, log) for part in ("epci", "ept"))
    seats: dict[str, str] = {}
    for part in ("arrondissements", "departements", "regions"):  # the highest level is written last
        seats.update((row["chefLieu"], part.removesuffix("s")) for row in found[part])
    rows = (
        {
            **{k: row.get(k) for k in ("code", "nom", "departement", "region", "zone", "population")},
            "arrondissement": row.get("arrondissement") or None,  # empty in Mayotte, which has none
            "epci": epci.get(row["code"]),
            "ept": ept.get(row["code"]),
            "codes_postaux": row.get("codesPostaux", []),
            "siren": row.get("siren"),
            "chef_lieu": seats.get(row["code"]),
        }
        for row in current
    )
    return _frame(rows, "communes", spec)


def _membership(groups: _Rows, current: _Rows, spec: SourceSpec, part: str, log: IssueLog) -> dict[str, str]:
    """Commune code -> code of its group. A member that is no current commune is set aside."""
    codes = {row["code"] for row in current}
    pairs = [(member["code"], group["code"]) for group in groups for member in group["membres"]]
    if twice := [code for code, count in Counter(code for code, _ in pairs).items() if count > 1]:
        raise _unreadable(spec, part, "each commune in one group", f"in several: {', '.join(twice[:5])}")
    for code, group in pairs:
        if code not in codes:
            log.add(
                record=group,
                column="membres",
                value=code,
                rule="membre-inconnu",
                reason="Commune membre absente des communes en vigueur : elle n’est rattachée à rien.",
            )
    return {code: group for code, group in pairs if code in codes}


def _former(by_type: Mapping[str, _Rows], current: _Rows, spec: SourceSpec, log: IssueLog) -> pl.DataFrame:
    """Every code that is not a current commune, and the current commune it belongs to.

    What the file says of a delegated or associated commune, or of a district, comes before the list of former codes
    that each commune carries (`anciensCodes`): the first is today's, the second is history.
    """
    codes = {row["code"] for row in current}
    told: dict[str, dict[str, str | None]] = {}
    for kind in (_DISTRICT, "commune-deleguee", "commune-associee"):
        for row in by_type[kind]:
            target = row["commune"] if kind == _DISTRICT else row["chefLieu"]
            told.setdefault(row["code"], {"code_ancien": row["code"], "code": target, "type": kind, "nom": row["nom"]})
    for row in current:
        for code in row.get("anciensCodes", []):
            known = told.setdefault(
                code, {"code_ancien": code, "code": row["code"], "type": "ancienne-commune", "nom": None}
            )
            if known["code"] != row["code"]:
                log.add(
                    record=code,
                    column="anciensCodes",
                    value=row["code"],
                    rule="rattachement-contradictoire",
                    reason=f"Code rattaché aussi à la commune {known['code']}, qui est gardée.",
                    severity="info",
                )
    kept = []
    for former in told.values():
        if former["code"] not in codes:
            log.add(
                record=str(former["code_ancien"]),
                column="chefLieu",
                value=former["code"],
                rule="chef-lieu-inconnu",
                reason="Code rattaché à une commune qui n’est pas en vigueur : mis de côté.",
                severity="erreur",
            )
        elif former["code_ancien"] not in codes:  # a delegated commune often keeps the code of its commune
            kept.append(former)
    return _frame(kept, "anciens_codes", spec)


def _hold_together(tables: Mapping[str, pl.DataFrame], spec: SourceSpec) -> None:
    """Codes that point from one table to another exist there."""
    links = (
        ("communes", "departement", "departements"),
        ("communes", "region", "regions"),
        ("communes", "arrondissement", "arrondissements"),
        ("departements", "region", "regions"),
        ("arrondissements", "departement", "departements"),
    )
    for table, column, target in links:
        unknown = (
            tables[table]
            .filter(pl.col(column).is_not_null())
            .join(tables[target], left_on=column, right_on="code", how="anti")
        )
        if unknown.height:
            first = unknown.row(0, named=True)
            raise _unreadable(
                spec,
                table,
                f"{column} among the {target}",
                f"{column} {first[column]!r} of {first['code']} {first['nom']}",
            )
