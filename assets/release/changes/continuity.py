"""Which ids follow which from one release to the next: an id that changed is neither a closing nor an opening.

Three witnesses, in this order: the registry (an id merged into another), the bridges (the records of an id now belong
to another one), and likeness (a counter left and another came with the same typology, commune, and name or address:
its producer gave its records new numbers). Ids are given in `referentiel.identity`; here they are only read.
"""

from dataclasses import dataclass

import polars as pl

from assets.referentiel.identity import ACTIVE, LIEU, MERGED, SERVICE, Memory
from assets.release.changes.compare import LINK_SCHEMA
from pipeline.foundations.text import key

#: Witness of a link, as the diff tells it.
REGISTRY, BRIDGES, LIKENESS = "registre", "ponts", "ressemblance"
_SCHEMA = pl.Schema({**LINK_SCHEMA, "temoin": pl.String()})
#: What two counters of one typology and commune must share to be one, the surest first.
_ALIKE = (("nom", "adresse"), ("adresse",), ("nom",))


@dataclass(frozen=True)
class Side:
    """What a release remembers of ids, and its counters (`counters.SCHEMA`)."""

    memory: Memory
    counters: pl.DataFrame

    def alive(self, nature: str) -> pl.DataFrame:
        """Ids in use (`id`)."""
        registry = self.memory.registry
        return registry.filter((pl.col("nature") == nature) & (pl.col("etat") == ACTIVE)).select("id")

    def bridges(self, nature: str) -> pl.DataFrame:
        """The bridges seen in that very release (`id, source, id_source, typologie`)."""
        seen = self.memory.registry.select("id", _seen="derniere_vue")
        bridges = self.memory.bridges.filter(pl.col("nature") == nature).join(seen, on="id")
        return (
            bridges.filter(pl.col("derniere_vue") == pl.col("_seen"))
            .join(self.alive(nature), on="id", how="semi")
            .select("id", "source", "id_source", "typologie")
        )


def links(before: Side, after: Side) -> pl.DataFrame:
    """`avant, apres, temoin`, sorted: for each id gone, the one that stands for it; for each id that was split from one
    still there, that one. At most one link by id gone, and by id that came.
    """
    services = _of_records(before, after, SERVICE, before.bridges(SERVICE))
    services = pl.concat([services, _alike(before, after, services)])
    # A place is known by the services it holds: under the ids they have now.
    moved = services.select(id_source="avant", _now="apres", _temoin="temoin")
    held = before.bridges(LIEU).join(moved, on="id_source", how="left")
    renumbered = held.filter(pl.col("_temoin") == LIKENESS)["id"].implode()
    held = held.with_columns(id_source=pl.coalesce("_now", "id_source"))
    places = _of_records(before, after, LIEU, held).with_columns(
        temoin=pl.when(pl.col("avant").is_in(renumbered)).then(pl.lit(LIKENESS)).otherwise("temoin")
    )
    return pl.concat([services, places]).sort(_SCHEMA.names())


def _of_records(before: Side, after: Side, nature: str, known: pl.DataFrame) -> pl.DataFrame:
    """What the registry says of ids gone, then what the records say."""
    gone = before.alive(nature).join(after.alive(nature), on="id", how="anti")
    new = after.alive(nature).join(before.alive(nature), on="id", how="anti")
    merged = _heirs(after.memory.registry).join(gone, left_on="avant", right_on="id", how="semi")
    votes = (
        known.join(after.bridges(nature), on=["source", "id_source", "typologie"], suffix="_now")
        .filter(pl.col("id") != pl.col("id_now"))
        .group_by(avant="id", apres="id_now")
        .agg(voix=pl.len())
        .sort(-pl.col("voix").cast(pl.Int64), "avant", "apres")
    )
    taken = votes.join(gone, left_on="avant", right_on="id", how="semi").join(merged, on="avant", how="anti")
    split = votes.join(gone, left_on="avant", right_on="id", how="anti").join(
        new, left_on="apres", right_on="id", how="semi"
    )
    return pl.concat(
        [
            merged.with_columns(temoin=pl.lit(REGISTRY)),
            _first(taken, "avant"),
            _first(split.join(taken, on="apres", how="anti"), "apres"),
        ]
    ).select(_SCHEMA.names())


def _first(votes: pl.DataFrame, of: str) -> pl.DataFrame:
    best = votes.unique(of, keep="first", maintain_order=True)
    return best.select("avant", "apres", temoin=pl.lit(BRIDGES))


def _heirs(registry: pl.DataFrame) -> pl.DataFrame:
    """`avant, apres`: every id ever merged, and the one that stands for it today, through all its mergers."""
    step = registry.filter(pl.col("etat") == MERGED).select(avant="id", apres="remplace_par").drop_nulls()
    heirs = step
    for _ in range(step.height):  # far fewer are needed; a ring, which a registry never holds, would not end
        further = heirs.join(step.rename({"avant": "apres", "apres": "_next"}), on="apres", how="left")
        if further["_next"].null_count() == further.height:
            break
        heirs = further.select("avant", apres=pl.coalesce("_next", "apres"))
    return heirs


def _alike(before: Side, after: Side, linked: pl.DataFrame) -> pl.DataFrame:
    """Counters that left and counters that came which are the same by all that can be read of them.

    Only pairs that nothing else in their commune could make: one that left, one that came.
    """
    old, new, of = before.counters, after.counters, "point_accueil_id"
    left = _plain(old.join(new, on=of, how="anti").join(linked, left_on=of, right_on="avant", how="anti"))
    came = _plain(new.join(old, on=of, how="anti").join(linked, left_on=of, right_on="apres", how="anti"))
    found = [pl.DataFrame(schema=_SCHEMA)]
    for shared in _ALIKE:
        on = ["typologie", "commune", *shared]
        alone = pl.len().over(on) == 1
        pairs = left.filter(alone).join(came.filter(alone), on=on, suffix="_now")
        found.append(pairs.select(avant="point_accueil_id", apres="point_accueil_id_now", temoin=pl.lit(LIKENESS)))
        left = left.join(pairs, on="point_accueil_id", how="anti")
        came = came.join(pairs, left_on="point_accueil_id", right_on="point_accueil_id_now", how="anti")
    return pl.concat(found)


def _plain(counters: pl.DataFrame) -> pl.DataFrame:
    texts = [pl.col(c).map_elements(key, return_dtype=pl.String).replace("", None) for c in ("nom", "adresse")]
    return counters.select("point_accueil_id", "typologie", "commune", *texts)
