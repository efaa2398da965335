"""The map of a sheet: communes of the territory by travel time, those in tension, counters by kind, neighbours in grey.

One PNG, on the page as on paper; the same tables give the same bytes. Habits, colours and projection are those of
`outputs.carte`.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import polars as pl
import shapely
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from outputs.carte import (
    COLOURS,
    COUNTER,
    GREY,
    INK,
    UNKNOWN,
    exterior_rings,
    outlines_in_metres,
    scale_bar,
    whole_outline,
)
from outputs.sheet.content import members_of, tense_communes, tension_level
from outputs.sheet.drawing import (
    EDGE,
    Frame,
    box_around,
    fictional_mark,
    fill,
    frame_axes,
    letters,
    names,
    neighbours,
    png,
    rings_of,
    sheet_of,
    time_colours,
    time_limits,
)
from outputs.sheet.layers import Layers
from outputs.sheet.territory import COMMUNE, Territory
from pipeline.foundations.crs import epsg_of_departement, project

#: Size on paper, in inches.
WIDTH, HEIGHT = 3.74, 3.6
_LEGEND = 0.54  # inches under the map
#: Tables of counters, the column of their typology, and how each kind is drawn: shapes differ, for who sees no colour.
_KINDS = (
    ("implantations", "service_typologie", "o", "implantation"),
    ("permanences", "permanence_typologie", "s", "permanence"),
    ("itinerances", "service_typologie", "^", "arrêt d’itinérance"),
)


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
    frame = Frame(box_around(shapes, WIDTH / (HEIGHT - _LEGEND)), epsg)
    tense = tense_communes(layers, shown, tension_level(territory.niveau), mesure)
    with letters():
        figure = sheet_of(WIDTH, HEIGHT)
        axes = figure.add_axes((0.0, _LEGEND / HEIGHT, 1.0, 1 - _LEGEND / HEIGHT))
        frame_axes(axes, frame)
        neighbours(axes, layers, frame, drawn)
        limits = time_limits(drawn["value"])
        _communes(axes, shapes, drawn, limits, tense)
        alone = [s for s, code in zip(shapes, drawn["code"], strict=True) if code == territory.code]
        border = alone[0] if territory.niveau == COMMUNE and alone else whole_outline(shapes)
        lines = [shapely.get_coordinates(ring) for ring in exterior_rings(border)]
        axes.add_collection(LineCollection(lines, colors=INK, linewidths=1.1, zorder=5))
        kinds = _counters(axes, layers, frame, typology)
        names(axes, drawn, frame, first=territory.code)
        scale_bar(axes, frame.box, points=6)
        _legend(figure, limits, kinds, unknown=bool(drawn["value"].null_count()), tense=bool(tense))
        figure.text(0.995, 0.005, credit, ha="right", va="bottom", fontsize=4.6, color=GREY)
        if fictional:
            fictional_mark(figure, 0.5, 0.6, size=24)
        return png(figure)


def _surroundings(layers: Layers, members: pl.DataFrame) -> pl.DataFrame:
    """The communes of the EPCI of a commune; itself alone without one."""
    epci = members["epci"].drop_nulls()
    if epci.is_empty():
        return members
    return members_of(layers, Territory("epci", epci[0], epci[0], 0))


def _communes(axes: Any, shapes: Sequence[Any], drawn: pl.DataFrame, limits: Sequence[int], tense: set[str]) -> None:
    fill(axes, shapes, time_colours(drawn["value"], limits), width=0.1 if len(shapes) > 600 else 0.4)
    hatched = [r for shape, code in zip(shapes, drawn["code"], strict=True) if code in tense for r in rings_of(shape)]
    if hatched:
        axes.add_collection(
            PolyCollection(hatched, facecolors="none", edgecolors=INK, linewidths=0.0, hatch="/////", zorder=3)
        )


def _counters(axes: Any, layers: Layers, frame: Frame, typology: str) -> list[tuple[str, str]]:
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


def _legend(
    figure: Figure, limits: Sequence[int], kinds: Sequence[tuple[str, str]], *, unknown: bool, tense: bool
) -> None:
    words = [f"< {limits[0]}", *(f"{a}–{b}" for a, b in itertools.pairwise(limits)), f"≥ {limits[-1]} min"]
    fills = [Patch(facecolor=c, edgecolor=EDGE, linewidth=0.4, label=w) for c, w in zip(COLOURS, words, strict=True)]
    others: list[Any] = []
    if unknown:
        others.append(Patch(facecolor=UNKNOWN, edgecolor=EDGE, linewidth=0.4, label="non connu"))
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
