"""What the small maps on pages share: their frame, the communes around, names, letters, and the picture they become.

What a map says belongs to the module that draws it.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import polars as pl
import shapely
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from outputs.carte import ALERT, COLOURS, INK, TIME, UNKNOWN, outlines_in_metres
from outputs.sheet.layers import Layers
from pipeline.foundations.crs import Floats, epsg_of_departement, project

#: Thin lines around boxes.
EDGE = "#b9c0c7"
_DPI = 230
_NEIGHBOUR = "#eceef0"
_MARGIN = 0.06
_NEARLY = 0.98  # share of the communes the first scale that fits must hold
_NAMES = 5
_BEYOND_M = 15_000.0  # from the frame to the middle of a commune that may still be in sight


@dataclass(frozen=True)
class Frame:
    """What is in sight, in metres of the legal projection."""

    box: tuple[float, float, float, float]
    epsg: int

    def inside(self, x: Floats, y: Floats, *, beyond: float = 0.0) -> Any:
        """Which points are in sight, or less than so many metres beyond."""
        xmin, ymin, xmax, ymax = self.box
        return (x >= xmin - beyond) & (x <= xmax + beyond) & (y >= ymin - beyond) & (y <= ymax + beyond)


@contextmanager
def letters() -> Iterator[None]:
    """The same letters and lines everywhere: a reader's own matplotlibrc does not change the picture."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams["font.family"] = "DejaVu Sans"
        mpl.rcParams["hatch.linewidth"] = 0.5
        yield


def sheet_of(width: float, height: float) -> Figure:
    """An empty figure, in inches."""
    figure = Figure(figsize=(width, height), layout=None)
    FigureCanvasAgg(figure)
    return figure


def fictional_mark(figure: Figure, x: float, y: float, *, size: float) -> None:
    """Says across the picture that its data is invented; `x, y` in shares of the figure."""
    figure.text(
        x, y, "DONNÉES FICTIVES", ha="center", va="center", rotation=24, fontsize=size, fontweight="bold",
        color=ALERT, alpha=0.16, zorder=10,
    )  # fmt: skip


def png(figure: Figure) -> bytes:
    """The picture; the same figure gives the same bytes."""
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=_DPI, facecolor="white", metadata={"Software": None})
    return image.getvalue()


def box_around(shapes: Sequence[Any], aspect: float) -> tuple[float, float, float, float]:
    """The box around shapes, a margin added, as wide as `aspect` times its height."""
    xmin, ymin, xmax, ymax = (float(v) for v in shapely.total_bounds(shapes))
    wide, high = (1 + 2 * _MARGIN) * (xmax - xmin), (1 + 2 * _MARGIN) * (ymax - ymin)
    wide, high = max(wide, high * aspect), max(high, wide / aspect)
    x, y = (xmin + xmax) / 2, (ymin + ymax) / 2
    return x - wide / 2, y - high / 2, x + wide / 2, y + high / 2


def frame_axes(axes: Any, frame: Frame) -> None:
    """Show what is in sight, without ticks, in a thin frame."""
    xmin, ymin, xmax, ymax = frame.box
    axes.set_xlim(xmin, xmax)
    axes.set_ylim(ymin, ymax)
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_color(EDGE)
        side.set_linewidth(0.5)


def time_limits(values: pl.Series) -> tuple[int, ...]:
    """Limits of the classes of those times (minutes, null where unknown)."""
    far = float(values.drop_nulls().quantile(_NEARLY) or 0.0)
    return next((s for s in TIME.scales if s[-1] >= far), TIME.scales[-1])


def time_colours(values: pl.Series, limits: Sequence[int]) -> list[str]:
    """The colour of the class of each time, that of the unknown for null."""
    known = values.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    colours = np.array(COLOURS, dtype=object)[np.digitize(np.nan_to_num(known, nan=0.0), limits)]
    colours[np.isnan(known)] = UNKNOWN
    return list(colours)


def fill(axes: Any, shapes: Sequence[Any], colours: Sequence[str], *, width: float) -> None:
    """Each shape in its colour, between white lines of that width."""
    parts = [(part, colour) for shape, colour in zip(shapes, colours, strict=True) for part in rings_of(shape)]
    rings, faces = [ring for ring, _ in parts], [colour for _, colour in parts]
    axes.add_collection(PolyCollection(rings, facecolors=faces, edgecolors="white", linewidths=width, zorder=2))


def rings_of(shape: Any) -> list[Any]:
    """Outer rings of a shape."""
    return [shapely.get_coordinates(part.exterior) for part in shapely.get_parts(shape)]


def neighbours(axes: Any, layers: Layers, frame: Frame, drawn: pl.DataFrame) -> None:
    """Communes of the release around the territory: those whose middle is in sight, or nearly."""
    others = layers["communes"].filter(~pl.col("code").is_in(drawn["code"].implode()))
    places = others.select("code", "departement", "longitude", "latitude").drop_nulls().collect()
    same = [epsg_of_departement(d) == frame.epsg for d in places["departement"]]
    places = places.filter(pl.Series(same, dtype=pl.Boolean))
    x, y = project(places["longitude"].to_numpy(), places["latitude"].to_numpy(), frame.epsg)
    near = places.filter(pl.Series(frame.inside(x, y, beyond=_BEYOND_M), dtype=pl.Boolean))["code"]
    found = layers["communes"].filter(pl.col("code").is_in(near.implode()), pl.col("geometrie").is_not_null())
    outlines = outlines_in_metres(found.sort("code").select("geometrie").collect()["geometrie"], frame.epsg) or []
    rings = [ring for outline in outlines for ring in rings_of(outline)]
    axes.add_collection(PolyCollection(rings, facecolors=_NEIGHBOUR, edgecolors="white", linewidths=0.4, zorder=1))


def names(axes: Any, drawn: pl.DataFrame, frame: Frame, *, first: str | None = None) -> None:
    """The largest communes, not too near each other.

    Args:
        drawn: `code, nom, population, longitude, latitude`.
        first: code of the commune named before all others.
    """
    xmin, ymin, xmax, ymax = frame.box
    rows = drawn.with_columns(pl.col("code").eq_missing(first).alias("_self")).sort(
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
