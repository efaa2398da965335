"""From road segments to the graph: costs, crossings, components, contraction, order in memory; and what was set aside.

Reading road files belongs to `sources`; the rules are in `profils.yml`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from assets.access.network.contract import contract
from assets.access.network.graph import RoadGraph, arcs
from assets.access.network.hilbert import hilbert_order
from assets.access.network.profile import CLOSED, Profile, Profiles, costs, stops
from assets.access.network.topology import join_ends
from pipeline.foundations.errors import SourceUnreadable
from sources.roads import SegmentBatch

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]

_SHORT_CM = 1  # a segment below a centimetre has no length


@dataclass(frozen=True)
class _Kept:
    """The segments of a batch that the mode may use."""

    x: Ints  # vertices, cm
    y: Ints
    sizes: Ints  # vertices per segment
    z_start: npt.NDArray[np.float64]
    z_end: npt.NDArray[np.float64]
    given_start: Longs
    given_end: Longs
    along: Ints
    against: Ints
    length: Ints
    stop: npt.NDArray[np.bool_]


def build_graph(
    batches: Iterable[SegmentBatch],
    rules: Profiles,
    mode: str,
    *,
    classes: pl.DataFrame | None = None,
    about: dict[str, Any] | None = None,
) -> RoadGraph:
    """Build the graph of a mode.

    The same segments in the same order give the same arrays. `meta["bilan"]` counts what was read, kept and set aside.

    Args:
        batches: segments of one territory, in one projected system.
        rules: the profiles file.
        mode: a profile of it.
        classes: `code` (commune), `classe` (a density class of the profiles): where congestion applies; elsewhere
            driving times are not multiplied.
        about: what else `meta` says (sources, licences…), JSON-able.

    Raises:
        SourceUnreadable: no usable segment, or two projected systems.
    """
    profile = rules.profile(mode)
    tally: dict[str, int] = dict.fromkeys(
        ("troncons_lus", "hors_mode", "sans_longueur", "doubles", "boucles", "composantes_ecartees"), 0
    )
    epsg: int | None = None
    kept: list[_Kept] = []
    for batch in batches:
        if epsg is not None and batch.epsg != epsg:
            raise SourceUnreadable(
                "road segments",
                expected=f"one projected system (EPSG:{epsg})",
                found=f"EPSG:{batch.epsg} as well",
                remedy="build one graph per territory",
            )
        epsg = batch.epsg
        kept.append(_usable(batch, profile, classes, tally))
    if epsg is None or not sum(len(part.sizes) for part in kept):
        raise _nothing(mode, f"{tally['troncons_lus']} segments read, none usable")
    whole = _stack(kept)
    kept.clear()  # as large as the whole
    return _assemble(whole, rules, mode, epsg, tally, about or {})


def _nothing(mode: str, found: str) -> SourceUnreadable:
    return SourceUnreadable(
        f"road graph ({mode})",
        expected="at least one segment this mode may use",
        found=found,
        remedy="look at the natures and accesses of the road file; compare with profils.yml",
    )


def _usable(batch: SegmentBatch, profile: Profile, classes: pl.DataFrame | None, tally: dict[str, int]) -> _Kept:
    offsets = batch.offsets
    steps = np.hypot(*np.diff(batch.xy, axis=0).T)
    steps[offsets[1:-1] - 1] = 0.0  # from the last vertex of a segment to the first of the next
    length = np.add.reduceat(np.append(steps, 0.0), offsets[:-1]) if batch.frame.height else np.empty(0)
    along, against = costs(batch.frame, length, profile, _congestion(batch.frame, profile, classes))
    whole_cm = np.clip(np.rint(length * 100), 0, CLOSED - 1).astype(np.int32)
    some_length = (whole_cm >= _SHORT_CM) & np.isfinite(length)
    open_ = (along != CLOSED) | (against != CLOSED)
    tally["troncons_lus"] += len(length)
    tally["sans_longueur"] += int((~some_length).sum())
    tally["hors_mode"] += int((some_length & ~open_).sum())
    chosen = np.flatnonzero(some_length & open_)
    sizes = np.diff(offsets)[chosen]
    vertices = np.repeat(offsets[:-1][chosen] - np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes) + np.arange(
        sizes.sum()
    )
    xy = np.rint(batch.xy[vertices] * 100).astype(np.int32)
    given = batch.frame.select(pl.col("noeud_debut", "noeud_fin").fill_null(-1)).to_numpy()[chosen]
    return _Kept(
        x=xy[:, 0],
        y=xy[:, 1],
        sizes=sizes.astype(np.int32),
        z_start=batch.z[offsets[:-1][chosen]],
        z_end=batch.z[offsets[1:][chosen] - 1],
        given_start=given[:, 0],
        given_end=given[:, 1],
        along=along[chosen],
        against=against[chosen],
        length=whole_cm[chosen],
        stop=stops(batch.frame, profile)[chosen],
    )


def _congestion(frame: pl.DataFrame, profile: Profile, classes: pl.DataFrame | None) -> npt.NDArray[np.float64] | None:
    if classes is None or set(profile.congestion.values()) == {1.0}:
        return None
    factors = classes.select(
        pl.col("code").alias("commune_gauche"),
        pl.col("classe").replace_strict(profile.congestion, default=1.0, return_dtype=pl.Float64).alias("facteur"),
    )
    joined = frame.select("commune_gauche").join(factors, on="commune_gauche", how="left", maintain_order="left")
    return joined["facteur"].fill_null(1.0).to_numpy()


def _stack(parts: list[_Kept]) -> _Kept:
    return _Kept(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in _Kept.__annotations__})


def _assemble(
    kept: _Kept, rules: Profiles, mode: str, epsg: int, tally: dict[str, int], about: dict[str, Any]
) -> RoadGraph:
    pointer = np.concatenate([[0], np.cumsum(kept.sizes, dtype=np.int64)])
    first, last = pointer[:-1], pointer[1:] - 1
    joined = join_ends(
        np.concatenate([kept.x[first], kept.x[last]]),
        np.concatenate([kept.y[first], kept.y[last]]),
        np.concatenate([kept.z_start, kept.z_end]),
        np.concatenate([kept.given_start, kept.given_end]),
        rules.topologie,
    )
    start, end = np.split(joined.node, 2)
    alone = _first_of_each(start, end, kept)
    tally["doubles"] = int((~alone).sum())
    tally["boucles"] = int((start == end).sum())
    tally |= {"noeuds": joined.count, "bouts_rattaches": joined.mended, "points_superposes": joined.stacked}
    component, sizes = _components(start, end, kept.along, kept.against, joined.count)
    large = sizes >= rules.topologie.composante_minimale
    large[int(sizes.argmax())] = True
    inside = large[component]
    chosen = np.flatnonzero(alone & inside[start] & inside[end])
    if not len(chosen):
        raise _nothing(mode, f"{tally['troncons_lus']} segments read, no place one can both leave and come back to")
    lost = np.flatnonzero(alone & ~(inside[start] & inside[end]))
    tally |= {
        "composantes": int(large.sum()),
        "composantes_ecartees": int((~large).sum()),
        "noeuds_ecartes": int((~inside).sum()),
        "troncons_ecartes": len(lost),
        "longueur_ecartee_m": int(kept.length[lost].sum(dtype=np.int64) // 100),
        "troncons": len(chosen),
        "longueur_m": int(kept.length[chosen].sum(dtype=np.int64) // 100),
    }
    chains = contract(
        start[chosen], end[chosen], kept.along[chosen], kept.against[chosen], kept.length[chosen], joined.count
    )
    used = np.zeros(joined.count, dtype=np.bool_)
    used[chains.u] = used[chains.v] = True
    old = np.flatnonzero(used)
    old = old[hilbert_order(joined.x[old], joined.y[old])]
    rank = np.full(joined.count, -1, dtype=np.int32)
    rank[old] = np.arange(len(old), dtype=np.int32)
    u, v = rank[chains.u], rank[chains.v]
    tally |= {"noeuds_apres_contraction": len(old), "aretes": len(u)}
    edge_args = (u, v, chains.along, chains.against, chains.length, len(old))
    out_pointer, out_arcs = arcs(*edge_args, leaving=True)
    in_pointer, in_arcs = arcs(*edge_args, leaving=False)
    tally["arcs"] = len(out_arcs)
    sizes_kept = kept.sizes[chosen]
    segment_pointer = np.concatenate([[0], np.cumsum(sizes_kept, dtype=np.int64)])
    vertices = np.repeat(first[chosen] - segment_pointer[:-1], sizes_kept) + np.arange(segment_pointer[-1])
    along, against = kept.along[chosen], kept.against[chosen]
    return RoadGraph(
        node_x=joined.x[old],
        node_y=joined.y[old],
        edge_u=u,
        edge_v=v,
        edge_along=chains.along,
        edge_against=chains.against,
        edge_length=chains.length,
        out_pointer=out_pointer,
        out_arcs=out_arcs,
        in_pointer=in_pointer,
        in_arcs=in_arcs,
        segment_edge=chains.edge,
        segment_flip=chains.flip,
        segment_along=np.where(chains.flip, against, along),
        segment_against=np.where(chains.flip, along, against),
        segment_length=kept.length[chosen],
        before_along=chains.before_along,
        before_against=chains.before_against,
        before_length=chains.before_length,
        segment_stop=kept.stop[chosen],
        segment_pointer=segment_pointer,
        vertex_x=kept.x[vertices],
        vertex_y=kept.y[vertices],
        meta={"epsg": epsg, "profil": mode, "bilan": tally, **about},
    )


def _first_of_each(start: Ints, end: Ints, kept: _Kept) -> npt.NDArray[np.bool_]:
    """False for a segment drawn twice: same ends, costs and length as an earlier one."""
    same = pl.DataFrame({"a": start, "b": end, "along": kept.along, "against": kept.against, "length": kept.length})
    # Drawn the other way round, it is the same road with its directions exchanged.
    turned = pl.col("a") > pl.col("b")
    same = same.select(
        pl.min_horizontal("a", "b").alias("a"),
        pl.max_horizontal("a", "b").alias("b"),
        pl.when(turned).then("against").otherwise("along").alias("along"),
        pl.when(turned).then("along").otherwise("against").alias("against"),
        "length",
    )
    return same.select(pl.struct(pl.all()).is_first_distinct()).to_series().to_numpy()


def _components(start: Ints, end: Ints, along: Ints, against: Ints, count: int) -> tuple[Ints, Longs]:
    """Strongly connected components: of each node, and their sizes. Between two, one can go or come, not both."""
    go, back = along != CLOSED, against != CLOSED
    tail, head = np.concatenate([start[go], end[back]]), np.concatenate([end[go], start[back]])
    matrix = coo_matrix((np.ones(len(tail), dtype=np.int8), (tail, head)), shape=(count, count)).tocsr()
    total, component = connected_components(matrix, directed=True, connection="strong")
    return component, np.bincount(component, minlength=total)
