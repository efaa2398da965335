"""Guards: what is never one counter, however alike the two constats look.

Two families; a mobile service and fixed premises; a permanence and an implantation, or its host; two stops of a mobile
service; a main town hall and a delegated or annex one, a head office and a reception desk, two arrondissements; a
France services hosted by some body and one elsewhere that is not. Within one feed, two records side by side are two
counters unless nothing at all tells them apart.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

#: Two records of mobile services further apart than this are two stops.
SAME_STOP_M = 500.0

Constat = Mapping[str, Any]
_COLUMNS = (
    "_i", "flux", "id_source", "famille", "classe", "structure", "hote_id", "id_officiel", "service_id_dila",
    "natures", "mots", "organismes", "voie", "numero", "telephones", "x", "y",
)  # fmt: skip


def guarded(traits: pl.DataFrame) -> Sequence[Constat]:
    """What the guards look at, one mapping per constat in `_i` order."""
    return traits.sort("_i").select(_COLUMNS).rows(named=True)


def may_be_one(a: Constat, b: Constat, hosts: Mapping[str, Sequence[str]]) -> bool:
    """Whether no guard keeps the two constats apart; `hosts` is that of `regles.yml`."""
    return (
        a["famille"] == b["famille"]
        and _alike_structures(a["structure"], b["structure"])
        and all(map(_alike, a["natures"], b["natures"]))
        and not _hosts(a, b)
        and not _hosts(b, a)
        and not _two_stops(a, b)
        and not _side_by_side(a, b)
        and not _two_hosts(a, b, hosts.get(a["famille"], ()))
    )


def _alike(a: str | None, b: str | None) -> bool:
    return a is None or b is None or a == b


def _alike_structures(a: str | None, b: str | None) -> bool:
    # A feed that does not say what it lists may list implantations or stops, hardly permanences.
    return a == b if "Permanence" in (a, b) else _alike(a, b)


def _hosts(a: Constat, b: Constat) -> bool:
    return b["hote_id"] is not None and b["hote_id"] in (a["id_source"], a["id_officiel"], a["service_id_dila"])


def _two_stops(a: Constat, b: Constat) -> bool:
    if a["structure"] != "Itinérance" or b["structure"] != "Itinérance" or a["x"] is None or b["x"] is None:
        return False
    return math.hypot(a["x"] - b["x"], a["y"] - b["y"]) > SAME_STOP_M


def _side_by_side(a: Constat, b: Constat) -> bool:
    """Of one feed, and something says they are two. Counters of a network bear the name of what they serve
    (Nîmes Est, Nîmes Sud): any other word tells them apart; places are named more freely."""
    if a["flux"] != b["flux"]:
        return False
    if a["classe"] == "service":
        other_name = a["mots"] != b["mots"] or _disjoint(a["telephones"], b["telephones"])
    else:
        other_name = _disjoint(a["mots"], b["mots"])
    other_number = a["numero"] is not None and b["numero"] is not None and a["numero"] != b["numero"]
    return other_name or other_number or _disjoint(a["voie"], b["voie"])


def _disjoint(a: Sequence[str] | None, b: Sequence[str] | None) -> bool:
    """Both known, and nothing in common."""
    return bool(a) and bool(b) and not set(a or ()) & set(b or ())


def _two_hosts(a: Constat, b: Constat, hosts: Sequence[str]) -> bool:
    """One is hosted by a body that the other does not name, and neither street nor telephone brings them together."""
    if all((host in a["organismes"]) == (host in b["organismes"]) for host in hosts):
        return False
    same_phone = bool(set(a["telephones"] or ()) & set(b["telephones"] or ()))
    return _disjoint(a["voie"], b["voie"]) and not same_phone
