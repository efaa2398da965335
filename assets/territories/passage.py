"""From any commune code ever used to the commune in force: the COG's own former codes, then the movements since 1943.

A merger, a new code or a transferred seat has one heir. A split has several, and nothing says who lives where: its code
is listed with its heirs, and whoever meets it (`assets.referentiel.place`) chooses by the point or the name, or not.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from pipeline.foundations.issues import IssueLog

#: Kinds of movements after which a code may name nothing any more: suppression, mergers, new code, transferred seat.
_ENDING = ("30", "31", "32", "33", "34", "41", "50")
#: Creation, re-establishment: part of a commune leaves it.
_SPLITTING = ("20", "21")
#: A commune in force that lost a part this recently may still be meant whole by a feed; before, by none.
SPLIT_MEMORY_YEARS = 15

PASSAGE_SCHEMA = pl.Schema(
    {
        "code_ancien": pl.String(),
        "code": pl.String(),  # null when the code was split and is no longer in force
        "type": pl.String(),
        "nom": pl.String(),  # of what bore the old code, when known
        "candidats": pl.List(pl.String()),  # heirs of a split code, in code order; null otherwise
        "codes_postaux": pl.List(pl.String()),  # of a municipal district; null otherwise
    }
)


@dataclass(frozen=True)
class _End:
    """How a code ended: when, and the codes that follow it."""

    day: date
    heirs: frozenset[str]


def passage(
    former: pl.DataFrame,
    current: pl.DataFrame,
    issues: IssueLog,
    *,
    districts: pl.DataFrame | None = None,
    movements: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """What each code that is not (or not only) a current commune leads to, in `PASSAGE_SCHEMA`, sorted by code.

    Args:
        former: the `anciens_codes` table of the COG source: `code_ancien, code, type, nom`. Believed first.
        current: the `communes` table: `code`.
        districts: the `arrondissements_municipaux` table of the COG source: `code, codes_postaux`.
        movements: the `mouvements` table of the movements source; without it only the COG's former codes are known.

    Each `code_ancien` appears once. `type` is the COG's word, `mouvement` when the movements alone tell, or `scission`
    when several communes inherited (`candidats`): then `code` is the current commune that kept the code, or null.
    """
    in_force = set(current["code"].to_list())
    rows = [row for row in former.iter_rows(named=True) if row["code"] in in_force]
    issues.add_rows(
        former.filter(~pl.col("code").is_in(list(in_force))),
        record="code_ancien",
        column="code",
        rule="passage-sans-issue",
        reason="Ancien code rattaché à une commune qui n’est pas en vigueur : il n’est pas utilisé.",
    )
    told: dict[str, dict[str, object]] = {}
    for row in rows:
        if row["code_ancien"] not in in_force:
            told.setdefault(row["code_ancien"], {k: row.get(k) for k in ("code_ancien", "code", "type", "nom")})
    if movements is not None:
        official = {code: str(row["code"]) for code, row in told.items()}
        for row in _from_movements(movements, in_force, official, issues):
            told.setdefault(row["code_ancien"], row)  # type: ignore[arg-type]
    frame = pl.DataFrame(
        [{name: row.get(name) for name in PASSAGE_SCHEMA if name != "codes_postaux"} for row in told.values()],
        schema={n: t for n, t in PASSAGE_SCHEMA.items() if n != "codes_postaux"},
    )
    postal = districts if districts is not None else pl.DataFrame(schema={"code": pl.String})
    if "codes_postaux" not in postal.columns:
        postal = postal.with_columns(codes_postaux=pl.lit(None, dtype=pl.List(pl.String)))
    return (
        frame.join(
            postal.select(pl.col("code").alias("code_ancien"), "codes_postaux"),
            on="code_ancien",
            how="left",
        )
        .select(PASSAGE_SCHEMA.names())
        .sort("code_ancien")
    )


def _from_movements(
    movements: pl.DataFrame, in_force: set[str], official: Mapping[str, str], issues: IssueLog
) -> list[dict[str, object]]:
    ends = _ends(movements)
    names = _last_names(movements)
    rows: list[dict[str, object]] = []
    for code in sorted(ends.keys() - in_force):
        heirs = _heirs(code, date.min, ends, in_force, official, frozenset())
        if code in official:
            if heirs and official[code] not in heirs:
                issues.add(
                    record=code,
                    column="code",
                    value=", ".join(sorted(heirs)),
                    rule="passage-contradictoire",
                    reason=f"Les mouvements mènent ailleurs que le code officiel géographique ({official[code]}), "
                    "qui est suivi.",
                    severity="info",
                )
            continue
        found = sorted(heirs)
        if not found:
            issues.add(
                record=code,
                column="code",
                value=names.get(code),
                rule="passage-sans-issue",
                reason="Les mouvements de cet ancien code ne mènent à aucune commune en vigueur : il est inutilisé.",
                severity="info",
            )
            continue
        one = len(found) == 1
        rows.append(
            {
                "code_ancien": code,
                "code": found[0] if one else None,
                "type": "mouvement" if one else "scission",
                "nom": names.get(code),
                "candidats": None if one else found,
            }
        )
        if not one:
            issues.add(
                record=code,
                column="code",
                value=", ".join(found),
                rule="code-scinde",
                reason="Ancien code partagé entre plusieurs communes : la commune d’un enregistrement qui le porte est "
                "choisie par son point ou par le nom, sinon elle reste inconnue.",
                severity="info",
            )
    for code, parts in sorted(_recent_splits(movements, in_force).items()):
        rows.append(
            {"code_ancien": code, "code": code, "type": "scission", "nom": names.get(code), "candidats": sorted(parts)}
        )
    return rows


def _ends(movements: pl.DataFrame) -> dict[str, list[_End]]:
    """The events after which a code no longer named a commune, oldest first.

    An event is every row of one code at one date; where one of them keeps the code as a commune, nothing ended.
    """
    # A split whose mother keeps nothing is an end too: the code is in no row after.
    rows = movements.filter(
        pl.col("mod").is_in([*_ENDING, *_SPLITTING])
        & (pl.col("type_apres") == "COM")
        & pl.col("code_avant").is_not_null()
        & ((pl.col("type_avant") == "COM") | pl.col("mod").is_in(["32", "34"]))
    )
    after: dict[tuple[date, str], set[str]] = defaultdict(set)
    for day, before, code in rows.select("date", "code_avant", "code_apres").iter_rows():
        after[day, before].add(code)
    ends: dict[str, list[_End]] = defaultdict(list)
    for (day, code), heirs in sorted(after.items()):
        if code not in heirs:
            ends[code].append(_End(day, frozenset(heirs)))
    return dict(ends)


def _heirs(
    code: str,
    since: date,
    ends: Mapping[str, list[_End]],
    in_force: set[str],
    official: Mapping[str, str],
    seen: frozenset[str],
) -> set[str]:
    """Current communes a code leads to: by its last end not before `since`, then by those of its heirs."""
    if code in seen:
        return set()
    last = next((end for end in reversed(ends.get(code, [])) if end.day >= since), None)
    if last is None:
        return set()
    found: set[str] = set()
    for heir in last.heirs:
        if heir in in_force:
            found.add(heir)
        elif heir in official:
            found.add(official[heir])
        else:
            found |= _heirs(heir, last.day, ends, in_force, official, seen | {code})
    return found


def _recent_splits(movements: pl.DataFrame, in_force: set[str]) -> dict[str, set[str]]:
    """Communes in force that lost a part not long ago -> themselves and the communes that left them."""
    latest = movements["date"].max()
    if not isinstance(latest, date):
        return {}
    rows = movements.filter(
        pl.col("mod").is_in(_SPLITTING)
        & (pl.col("type_avant") == "COM")
        & (pl.col("type_apres") == "COM")
        & (pl.col("date").dt.year() >= latest.year - SPLIT_MEMORY_YEARS)
        & (pl.col("code_avant") != pl.col("code_apres"))
        & pl.col("code_avant").is_in(list(in_force))
        & pl.col("code_apres").is_in(list(in_force))
    )
    parts: dict[str, set[str]] = defaultdict(set)
    for before, after in rows.select("code_avant", "code_apres").iter_rows():
        parts[before] |= {before, after}
    return dict(parts)


def _last_names(movements: pl.DataFrame) -> dict[str, str]:
    """The last name each code bore before a movement."""
    named = movements.filter(pl.col("code_avant").is_not_null() & pl.col("nom_avant").is_not_null()).sort("date")
    last = named.unique("code_avant", keep="last", maintain_order=True)
    return dict(last.select("code_avant", "nom_avant").iter_rows())
