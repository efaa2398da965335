"""The map of a sheet: communes of the territory by travel time, those in tension, counters by kind, neighbours in grey.

One PNG, on the page as on paper; the same tables give the same bytes. Habits, colours and projection are those of
`outputs.carte`.
"""

import io
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import polars as pl
import shapely
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from outputs.carte import (
    ALERT,
    COLOURS,
    COUNTER,
    GREY,
    INK,
    TIME,
    UNKNOWN,
    exterior_rings,
    outlines_in_metres,
    scale_bar,
    whole_outline,
)
from outputs.sheet.content import members_of, tense_communes, tension_level
from outputs.sheet.layers import Layers
from outputs.sheet.territory import COMMUNE, Territory
from pipeline.foundations.crs import Floats, epsg_of_departement, project

#: Size on paper, in inches.
WIDTH, HEIGHT = 3.74, 3.6
_DPI = 230
_LEGEND = 0.54  # inches under the map
_NEIGHBOUR, _EDGE = "#eceef0", "#b9c0c7"
_NEARLY = 0.98  # share of the communes the first scale that fits must hold
_MARGIN = 0.06
_NAMES = 5
_BEYOND_M = 15_000.0  # from the frame to the middle of a commune that may still be in sight
#: Tables of counters, the column of their typology, and how each kind is drawn: shapes differ, for who sees no colour.
_KINDS = (
    ("implantations", "service_typologie", "o", "implantation"),
    ("permanences", "permanence_typologie", "s", "permanence"),
    ("itinerances", "service_typologie", "^", "arrêt d’itinérance"),
)


@dataclass(frozen=True)
class _Frame:
    """What is in sight, in metres of the legal projection."""

    box: tuple[float, float, float, float]
    epsg: int

    def inside(self, x: Floats, y: Floats, *, beyond: float = 0.0) -> Any:
        """Which points are in sight, or less than so many metres beyond."""
        xmin, ymin, xmax, ymax = self.box
        return (x >= xmin - beyond) & (x <= xmax + beyond) & (y >= ymin - beyond) & (y <= ymax + beyond)


def draw_map(
    layers: Layers, territory: Territory, *, mesure: str | None, typology: str, credit: str, fictional: bool
) -> bytes | None:
    """The map as a PNG; None where no outline is known.

    A commune alone says little: those of its EPCI are drawn with it, and it is outlined.

    Args:
        mesure: which times are drawn; None when none is known.
        credit: who made the outlines, written in a corner.
    """
    members = members_of(layers, territory)
    shown = _surroundings(layers, members) if territory.niveau == COMMUNE else members
    outlines = layers["communes"].filter(
        pl.col("code").is_in(shown["code"].implode()), pl.col("geometrie").is_not_null()
    )
    drawn = outlines.select("code", "nom", "departement", "population", "longitude", "latitude", "geometrie").collect()
    epsg = epsg_of_departement(str(drawn["departement"][0])) if drawn.height else None
    if epsg is None:
        return None
    times = layers["acces"].filter(
        pl.col("niveau") == COMMUNE, pl.col("typologie") == typology, pl.col("mesure").eq_missing(mesure)
    )
    values = times.select(pl.col("territoire").alias("code"), pl.col("temps_moyen_min").alias("value")).collect()
    drawn = drawn.join(values, on="code", how="left", maintain_order="left").sort("code")
    shapes = outlines_in_metres(drawn["geometrie"], epsg) or []
    frame = _Frame(_box(shapes), epsg)
    tense = tense_communes(layers, shown, tension_level(territory.niveau), mesure)
    with mpl.rc_context():
        mpl.rcdefaults()  # a reader's own matplotlibrc does not change the picture
        mpl.rcParams["font.family"] = "DejaVu Sans"
        mpl.rcParams["hatch.linewidth"] = 0.5
        figure = Figure(figsize=(WIDTH, HEIGHT), layout=None)
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0.0, _LEGEND / HEIGHT, 1.0, 1 - _LEGEND / HEIGHT))
        _frame_axes(axes, frame)
        _neighbours(axes, layers, frame, drawn)
        limits = _limits(drawn["value"])
        _communes(axes, shapes, drawn, limits, tense)
        alone = [s for s, code in zip(shapes, drawn["code"], strict=True) if code == territory.code]
        border = alone[0] if territory.niveau == COMMUNE and alone else whole_outline(shapes)
        lines = [shapely.get_coordinates(ring) for ring in exterior_rings(border)]
        axes.add_collection(LineCollection(lines, colors=INK, linewidths=1.1, zorder=5))
        kinds = _counters(axes, layers, frame, typology)
        _names(axes, drawn, frame, territory)
        scale_bar(axes, frame.box, points=6)
        _legend(figure, limits, kinds, unknown=bool(drawn["value"].null_count()), tense=bool(tense))
        figure.text(0.995, 0.005, credit, ha="right", va="bottom", fontsize=4.6, color=GREY)
        if fictional:
            figure.text(
                0.5, 0.6, "DONNÉES FICTIVES", ha="center", va="center", rotation=24, fontsize=24, fontweight="bold",
                color=ALERT, alpha=0.16, zorder=10,
            )  # fmt: skip
        image = io.BytesIO()
        figure.savefig(image, format="png", dpi=_DPI, facecolor="white", metadata={"Software": None})
    return image.getvalue()


def _surroundings(layers: Layers, members: pl.DataFrame) -> pl.DataFrame:
    """The communes of the EPCI of a commune; itself alone without one."""
    epci = members["epci"].drop_nulls()
    if epci.is_empty():
        return members
    return members_of(layers, Territory("epci", epci[0], epci[0], 0))


def _box(shapes: Sequence[Any]) -> tuple[float, float, float, float]:
    """The frame around the shapes, in the proportions of the picture."""
    xmin, ymin, xmax, ymax = (float(v) for v in shapely.total_bounds(shapes))
    wide, high = (1 + 2 * _MARGIN) * (xmax - xmin), (1 + 2 * _MARGIN) * (ymax - ymin)
    aspect = WIDTH / (HEIGHT - _LEGEND)
    wide, high = max(wide, high * aspect), max(high, wide / aspect)
    x, y = (xmin + xmax) / 2, (ymin + ymax) / 2
    return x - wide / 2, y - high / 2, x + wide / 2, y + high / 2


def _frame_axes(axes: Any, frame: _Frame) -> None:
    xmin, ymin, xmax, ymax = frame.box
    axes.set_xlim(xmin, xmax)
    axes.set_ylim(ymin, ymax)
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_color(_EDGE)
        side.set_linewidth(0.5)


def _neighbours(axes: Any, layers: Layers, frame: _Frame, drawn: pl.DataFrame) -> None:
    """Communes of the release around the territory: those whose middle is in sight, or nearly."""
    others = layers["communes"].filter(~pl.col("code").is_in(drawn["code"].implode()))
    places = others.select("code", "departement", "longitude", "latitude").drop_nulls().collect()
    same = [epsg_of_departement(d) == frame.epsg for d in places["departement"]]
    places = places.filter(pl.Series(same, dtype=pl.Boolean))
    x, y = project(places["longitude"].to_numpy(), places["latitude"].to_numpy(), frame.epsg)
    near = places.filter(pl.Series(frame.inside(x, y, beyond=_BEYOND_M), dtype=pl.Boolean))["code"]
    found = layers["communes"].filter(pl.col("code").is_in(near.implode()), pl.col("geometrie").is_not_null())
    outlines = outlines_in_metres(found.sort("code").select("geometrie").collect()["geometrie"], frame.epsg) or []
    rings = [shapely.get_coordinates(part.exterior) for outline in outlines for part in shapely.get_parts(outline)]
    axes.add_collection(PolyCollection(rings, facecolors=_NEIGHBOUR, edgecolors="white", linewidths=0.4, zorder=1))


def _limits(values: pl.Series) -> tuple[int, ...]:
    far = float(values.drop_nulls().quantile(_NEARLY) or 0.0)
    return next((s for s in TIME.scales if s[-1] >= far), TIME.scales[-1])


def _communes(axes: Any, shapes: Sequence[Any], drawn: pl.DataFrame, limits: Sequence[int], tense: set[str]) -> None:
    values = drawn["value"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    colours = np.array(COLOURS, dtype=object)[np.digitize(np.nan_to_num(values, nan=0.0), limits)]
    colours[np.isnan(values)] = UNKNOWN
    rings: list[Any] = []
    faces: list[Any] = []
    hatched: list[Any] = []
    for shape, colour, code in zip(shapes, colours, drawn["code"], strict=True):
        parts = [shapely.get_coordinates(part.exterior) for part in shapely.get_parts(shape)]
        rings += parts
        faces += [colour] * len(parts)
        hatched += parts if code in tense else []
    fine = len(shapes) > 600
    axes.add_collection(
        PolyCollection(rings, facecolors=faces, edgecolors="white", linewidths=0.1 if fine else 0.4, zorder=2)
    )
    if hatched:
        axes.add_collection(
            PolyCollection(hatched, facecolors="none", edgecolors=INK, linewidths=0.0, hatch="/////", zorder=3)
        )


def _counters(axes: Any, layers: Layers, frame: _Frame, typology: str) -> list[tuple[str, str]]:
    """Draw the counters in sight; the kinds there are."""
    found = []
    for layer, column, marker, label in _KINDS:
        rows = (
            layers[layer]
            .filter(pl.col(column) == typology, pl.col("lieu_longitude").is_not_null())
            .select("lieu_longitude", "lieu_latitude", "lieu_code_departement")
            .sort("lieu_longitude", "lieu_latitude")
            .collect()
        )
        same = [d is not None and epsg_of_departement(d) == frame.epsg for d in rows["lieu_code_departement"]]
        rows = rows.filter(pl.Series(same, dtype=pl.Boolean))
        x, y = project(rows["lieu_longitude"].to_numpy(), rows["lieu_latitude"].to_numpy(), frame.epsg)
        seen = frame.inside(x, y)
        if seen.any():
            size = 17 if seen.sum() < 150 else 5
            axes.scatter(
                x[seen], y[seen], s=size, c=COUNTER, marker=marker, edgecolors="white", linewidths=0.5, zorder=8
            )
            found.append((marker, label))
    return found


def _names(axes: Any, drawn: pl.DataFrame, frame: _Frame, territory: Territory) -> None:
    """The largest communes, not too near each other; a commune names itself first."""
    xmin, ymin, xmax, ymax = frame.box
    rows = drawn.with_columns((pl.col("code") == territory.code).alias("_self")).sort(
        "_self", "population", "nom", descending=[True, True, False], nulls_last=True
    )
    x, y = project(rows["longitude"].to_numpy(), rows["latitude"].to_numpy(), frame.epsg)
    kept: list[tuple[float, float]] = []
    for name, right, up in zip(rows["nom"], x, y, strict=True):
        crowded = any(abs(right - a) < 0.3 * (xmax - xmin) and abs(up - b) < 0.09 * (ymax - ymin) for a, b in kept)
        if len(kept) >= _NAMES or crowded or not np.isfinite(right):
            continue
        kept.append((right, up))
        # Near a side, written away from it so as to stay in the frame.
        across = (right - xmin) / (xmax - xmin)
        axes.annotate(
            name, (right, up), (0, 3.5), textcoords="offset points", fontsize=6.2, color=INK,
            ha="left" if across < 0.15 else "right" if across > 0.85 else "center", zorder=9,
            path_effects=[withStroke(linewidth=2.0, foreground="white", alpha=0.9)],
        )  # fmt: skip


def _legend(
    figure: Figure, limits: Sequence[int], kinds: Sequence[tuple[str, str]], *, unknown: bool, tense: bool
) -> None:
    words = [f"< {limits[0]}", *(f"{a}–{b}" for a, b in itertools.pairwise(limits)), f"≥ {limits[-1]} min"]
    fills = [Patch(facecolor=c, edgecolor=_EDGE, linewidth=0.4, label=w) for c, w in zip(COLOURS, words, strict=True)]
    others: list[Any] = []
    if unknown:
        others.append(Patch(facecolor=UNKNOWN, edgecolor=_EDGE, linewidth=0.4, label="non connu"))
    if tense:
        others.append(Patch(facecolor="white", edgecolor=INK, linewidth=0.4, hatch="/////", label="en tension"))
    others += [
        Line2D([], [], marker=m, linestyle="", markersize=4.2, color=COUNTER, markeredgecolor="white",
               markeredgewidth=0.4, label=label)
        for m, label in kinds
    ]  # fmt: skip
    style: dict[str, Any] = {
        "loc": "upper left", "frameon": False, "fontsize": 5.8, "labelcolor": INK, "handletextpad": 0.4,
        "columnspacing": 0.9, "handlelength": 1.5, "borderaxespad": 0, "borderpad": 0,
    }  # fmt: skip
    figure.legend(handles=fills, bbox_to_anchor=(0.005, (_LEGEND - 0.07) / HEIGHT), ncols=len(fills), **style)
    if others:
        columns = len(others) if len(others) <= 4 else 3
        figure.legend(handles=others, bbox_to_anchor=(0.005, (_LEGEND - 0.24) / HEIGHT), ncols=columns, **style)
