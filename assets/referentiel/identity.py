"""Stable ids, carried from release to release.

An id belongs to a set of records, not to a name or an address: a counter that moves, is renamed, or is known by one
feed more or less keeps its id as long as one of its records is recognised. What is carried is the registry (one row per
id ever given) and the bridges (id <-> record of a feed) of the last promoted release.

Ours start with `CSP`, so that they never collide with the official `SERVPUBL…` and `PERMPUBL…`. A counter that an
official id names when it first appears takes that id; one we already knew keeps ours, and the bridge says both.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from pipeline.foundations import fingerprint

SERVICE, LIEU = "service", "lieu"
SERVICE_PREFIX, LIEU_PREFIX, PERMANENCE_PREFIX = "CSPSERV", "CSPLIEU", "CSPPERM"
ACTIVE, GONE, MERGED = "actif", "disparu", "fusionné"

REGISTRY_SCHEMA = pl.Schema(
    {
        "id": pl.String(),
        "nature": pl.String(),  # service | lieu
        "etat": pl.String(),  # actif | disparu | fusionné
        "premiere_vue": pl.Date(),
        "derniere_vue": pl.Date(),
        "derniere_modification": pl.Date(),
        "remplace_par": pl.String(),
        "empreinte": pl.String(),
        "typologie": pl.String(),  # of a service; the last one known
        "code_insee": pl.String(),  # where it is, or was when last seen
    }
)
#: Columns that came later: releases made before have them not.
ADDED = ("typologie", "code_insee")
BRIDGE_SCHEMA = pl.Schema(
    {
        "id": pl.String(),
        "nature": pl.String(),
        "source": pl.String(),
        "id_source": pl.String(),
        "typologie": pl.String(),
        "premiere_vue": pl.Date(),
        "derniere_vue": pl.Date(),
    }
)
#: Pseudo-feed of the earlier ids a feed gives for its own records (`ancien_id`): they survive a change of ids upstream.
FORMER = "ancien:"


def registry_of(rows: pl.LazyFrame) -> pl.DataFrame:
    """A registry as some release published it, in `REGISTRY_SCHEMA`; a column that came later is null.

    Raises:
        polars.exceptions.PolarsError: another column is missing.
    """
    held = rows.collect_schema().names()
    late = [pl.lit(None).alias(name) for name in ADDED if name not in held]
    return rows.with_columns(late).select(REGISTRY_SCHEMA.names()).collect().cast(REGISTRY_SCHEMA)


@dataclass(frozen=True)
class Memory:
    """What the last promoted release remembers; empty for the first one."""

    registry: pl.DataFrame
    bridges: pl.DataFrame

    @property
    def digest(self) -> str:
        """Fingerprint of what is remembered."""
        return fingerprint.of_values(fingerprint.of_frame(self.registry), fingerprint.of_frame(self.bridges))

    @classmethod
    def empty(cls) -> "Memory":
        """No release yet."""
        return cls(pl.DataFrame(schema=REGISTRY_SCHEMA), pl.DataFrame(schema=BRIDGE_SCHEMA))


@dataclass(frozen=True)
class Identified:
    """`ids`: `groupe, id`. `registry` and `bridges` are the memory to carry on, the rows of other natures included."""

    ids: pl.DataFrame
    registry: pl.DataFrame
    bridges: pl.DataFrame


def mint(prefix: str, *parts: str) -> str:
    """`CSPSERV` + 16 hexadecimal digits drawn from the parts. 64 bits: 100,000 counters collide with chance 3e-10."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
    return f"{prefix}{digest[:16].upper()}"


def identify(
    members: pl.DataFrame,
    contents: pl.DataFrame,
    *,
    nature: str,
    prefix: str,
    memory: Memory,
    today: date,
) -> Identified:
    """Give every group its id, and write down what happened to the ids of before.

    Args:
        members: `groupe` (Int64), `source, id_source, typologie` of each record of each group, the record that leads
            first, and optionally `id_officiel`, `ancien_id`. For places, members are the services they hold.
        contents: `groupe, empreinte, typologie, code_insee`: fingerprint of what is published of each group, and what
            the registry keeps of it.
        memory: registry and bridges of the last promoted release.
        today: the release's date of reference.

    A group takes the id most of its records had; when two groups claim one id the one with more of its records keeps
    it; an id whose records all went to other groups is `fusionné` with the id that took most of them; one whose
    records are gone is `disparu` and comes back with them. Ties go to the older id, then to the smaller one.
    """
    known = memory.bridges.filter(pl.col("nature") == nature)
    registry = memory.registry.filter(pl.col("nature") == nature)
    keyed = _keys(members)
    claims = _claims(keyed, known, registry)
    given = _settle(claims)
    leaders = members.unique("groupe", keep="first", maintain_order=True)
    taken = set(registry["id"]) | set(given.values())
    ids: dict[int, str] = {}
    for row in leaders.sort("groupe").iter_rows(named=True):
        group = row["groupe"]
        ids[group] = given.get(group) or _new_id(prefix, row, taken)
        taken.add(ids[group])
    frame = pl.DataFrame({"groupe": list(ids), "id": list(ids.values())}, schema={"groupe": pl.Int64, "id": pl.String})
    bridges = _carry_bridges(keyed, frame, known, nature, today)
    redirects = _redirects(claims, ids)
    carried = _carry_registry(registry, frame.join(contents, on="groupe"), redirects, nature, today)
    others_r = memory.registry.filter(pl.col("nature") != nature)
    others_b = memory.bridges.filter(pl.col("nature") != nature)
    return Identified(frame, pl.concat([others_r, carried]), pl.concat([others_b, bridges]))


def _keys(members: pl.DataFrame) -> pl.DataFrame:
    """One row per name a record answers to: its own id, its earlier id, its official id."""
    base = members.select("groupe", "source", "id_source", "typologie")
    extra = []
    for column, source in (("ancien_id", pl.format(FORMER + "{}", "source")), ("id_officiel", pl.lit("officiel"))):
        if column in members.columns:
            named = members.filter(pl.col(column).is_not_null())
            extra.append(named.select("groupe", source.alias("source"), pl.col(column).alias("id_source"), "typologie"))
    return pl.concat([base, *extra]).unique(["groupe", "source", "id_source", "typologie"], maintain_order=True)


def _claims(keyed: pl.DataFrame, known: pl.DataFrame, registry: pl.DataFrame) -> pl.DataFrame:
    """`groupe, id, voix, premiere_vue`: how many of a group's names are bridged to each living id.

    A record that changed typology upstream is still recognised when it carries one typology then and now.
    """
    names = ["source", "id_source"]
    exact = keyed.join(known.select("id", *names, "typologie"), on=[*names, "typologie"])
    left = keyed.join(exact, on=["groupe", *names, "typologie"], how="anti").filter(pl.len().over(names) == 1)
    single = known.filter(pl.len().over(names) == 1).join(exact.select("id").unique(), on="id", how="anti")
    changed = left.join(single.select("id", *names), on=names)
    votes = pl.concat([exact.select("groupe", "id"), changed.select("groupe", "id")])
    alive = registry.filter(pl.col("etat") != MERGED).select("id", "premiere_vue")
    return (
        votes.group_by("groupe", "id")
        .agg(pl.len().cast(pl.Int64).alias("voix"))
        .join(alive, on="id")
        .sort("voix", "premiere_vue", "id", "groupe", descending=[True, False, False, False])
    )


def _settle(claims: pl.DataFrame) -> dict[int, str]:
    """One id per group and one group per id, the strongest claims first."""
    given: dict[int, str] = {}
    used: set[str] = set()
    for group, name in claims.select("groupe", "id").iter_rows():
        if group not in given and name not in used:
            given[group] = name
            used.add(name)
    return given


def _new_id(prefix: str, leader: Mapping[str, str | None], taken: set[str]) -> str:
    """The official id of the record that leads, else one minted from it; never one that was ever given."""
    official = leader.get("id_officiel")
    if prefix == SERVICE_PREFIX and official and official.startswith("SERVPUBL") and official not in taken:
        return official
    parts = [str(leader["source"]), str(leader["id_source"]), str(leader["typologie"])]
    attempt, salt = mint(prefix, *parts), 0
    while attempt in taken:
        salt += 1
        attempt = mint(prefix, *parts, str(salt))
    return attempt


def _redirects(claims: pl.DataFrame, ids: Mapping[int, str]) -> dict[str, str]:
    """Ids whose records now belong to a group of another id -> that id."""
    kept = set(ids.values())
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for group, name, voices in claims.select("groupe", "id", "voix").iter_rows():
        if name not in kept:
            votes[name][ids[group]] += voices
    return {name: min(heirs, key=lambda heir: (-heirs[heir], heir)) for name, heirs in votes.items()}


def _carry_bridges(
    keyed: pl.DataFrame, ids: pl.DataFrame, known: pl.DataFrame, nature: str, today: date
) -> pl.DataFrame:
    """Today's bridges, and those of records not seen today, kept so that they are recognised when they come back."""
    name = ["source", "id_source", "typologie"]
    now = keyed.join(ids, on="groupe").unique(name, keep="first", maintain_order=True)
    first = known.select(*name, pl.col("premiere_vue"))
    now = now.join(first, on=name, how="left").select(
        "id",
        pl.lit(nature).alias("nature"),
        *name,
        pl.col("premiere_vue").fill_null(today),
        pl.lit(today).alias("derniere_vue"),
    )
    gone = known.join(now, on=name, how="anti")
    return pl.concat([now, gone.select(BRIDGE_SCHEMA.names())]).sort("id", *name)


def _carry_registry(
    registry: pl.DataFrame, current: pl.DataFrame, redirects: Mapping[str, str], nature: str, today: date
) -> pl.DataFrame:
    """Every id ever given, with what became of it."""
    before = registry.select(
        "id",
        "premiere_vue",
        pl.col("derniere_modification").alias("_modification"),
        pl.col("empreinte").alias("_empreinte"),
    )
    alive = current.join(before, on="id", how="left").select(
        "id",
        pl.lit(nature).alias("nature"),
        pl.lit(ACTIVE).alias("etat"),
        pl.col("premiere_vue").fill_null(today),
        pl.lit(today).alias("derniere_vue"),
        pl.when(pl.col("empreinte") == pl.col("_empreinte"))
        .then(pl.col("_modification"))
        .otherwise(pl.lit(today))
        .alias("derniere_modification"),
        pl.lit(None, dtype=pl.String).alias("remplace_par"),
        "empreinte",
        "typologie",
        "code_insee",
    )
    gone = registry.join(alive, on="id", how="anti")
    heirs = pl.DataFrame(
        {"id": list(redirects), "_heir": list(redirects.values())}, schema={"id": pl.String, "_heir": pl.String}
    )
    left = gone.join(heirs, on="id", how="left").select(
        "id",
        "nature",
        pl.when(pl.col("_heir").is_not_null())
        .then(pl.lit(MERGED))
        .when(pl.col("etat") == ACTIVE)
        .then(pl.lit(GONE))
        .otherwise("etat")
        .alias("etat"),
        "premiere_vue",
        "derniere_vue",
        "derniere_modification",
        pl.coalesce("_heir", "remplace_par").alias("remplace_par"),
        "empreinte",
        "typologie",
        "code_insee",
    )
    return pl.concat([alive.cast(REGISTRY_SCHEMA), left.cast(REGISTRY_SCHEMA)]).sort("id")


def follow(registry: pl.DataFrame, name: str) -> str:
    """The id that stands for `name` today, through as many mergers as there were; itself when it was never merged."""
    heirs: Iterable[tuple[str, str]] = (
        registry.filter(pl.col("remplace_par").is_not_null()).select("id", "remplace_par").iter_rows()
    )
    next_id = dict(heirs)
    seen: set[str] = set()
    while name in next_id and name not in seen:
        seen.add(name)
        name = next_id[name]
    return name
