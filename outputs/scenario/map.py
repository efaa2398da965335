"""Maps of scenarios: time before, time after and their difference side by side; differences of several scenarios.

The difference is drawn where people live, cell by cell: the mean of a commune may hide some nearer and others farther.
The same results give the same bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import shapely
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import withStroke

from outputs.carte import (
    COLOURS,
    GREY,
    INK,
    UNKNOWN,
    exterior_rings,
    outlines_in_metres,
    scale_bar,
    whole_outline,
)
from outputs.scenario.look import difference
from outputs.scenario.results import EVERYBODY, Results
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
    sheet_of,
    time_colours,
    time_limits,
)
from outputs.sheet.layers import Layers
from pipeline.foundations.crs import Floats, epsg_of_departement, project
from quality.results import shorten

_WIDTH = 7.48  # inches: that of an A4 page between its margins
_PER_ROW = 3
_GAP, _TITLE, _LEGEND = 0.07, 0.2, 0.52  # inches between panels, above each, under them all
_HIGH = 2.35  # inches of a panel
_CELL_M = 200.0
_LONGEST = 42  # characters of a title that fit above a panel
#: How each state of a counter is drawn: shapes differ, for who sees no colour.
_STATES = (
    ("ouvert", "^", INK, "ouvert"),
    ("fermé", "X", "white", "fermé"),
    ("déplacé", "s", INK, "déplacé (d’où il vient)"),
    ("horaires changés", "o", INK, "horaires changés"),
)


@dataclass(frozen=True)
class _Ground:
    """Communes in sight, what they are drawn on, and the counters no edit touches."""

    drawn: pl.DataFrame
    shapes: list[Any]
    frame: Frame
    layers: Layers
    border: list[Any]


def draw_before_after(results: Results, layers: Layers, typology: str, *, fictional: bool) -> bytes | None:
    """Three maps of one typology: before, after, difference; None where no outline is known.

    Args:
        layers: `communes` and `implantations` of the release.
    """
    ground = _ground([results], layers, typology, _HIGH)
    if ground is None:
        return None
    times = _times(results, typology, ground)
    limits = time_limits(times.select("temps_avant_min", "temps_apres_min").unpivot()["value"])
    with letters():
        figure = sheet_of(_WIDTH, _HIGH + _TITLE + _LEGEND)
        panels = _panels(figure, ["Avant", "Après", "Écart : plus près, plus loin"])
        for axes, side in zip(panels[:2], ("avant", "apres"), strict=True):
            _communes(axes, ground, time_colours(times[f"temps_{side}_min"], limits))
            _untouched(axes, ground, results, typology)
            _touched(axes, ground, results, typology, side)
        _difference(panels[2], ground, results, typology)
        names(panels[0], ground.drawn, ground.frame)
        scale_bar(panels[0], ground.frame.box, points=5.5)
        _bar(figure, 0.02, 0.44, COLOURS, [str(m) for m in limits], ("0", "min"))
        _difference_bar(figure, 0.6, 0.38)
        _key(figure, unknown=bool(times["temps_avant_min"].null_count() + times["temps_apres_min"].null_count()))
        if fictional:
            fictional_mark(figure, 0.5, 0.6, size=24)
        return png(figure)


def draw_differences(
    several: Sequence[tuple[str, Results]], layers: Layers, typology: str, *, fictional: bool
) -> bytes | None:
    """One map of the difference per scenario, of the same places and the same scale; None where no outline is known.

    Args:
        several: title and results of each.
    """
    ground = _ground([results for _, results in several], layers, typology, _HIGH)
    if ground is None:
        return None
    with letters():
        rows = -(-len(several) // _PER_ROW)
        figure = sheet_of(_WIDTH, rows * (_HIGH + _TITLE) + _LEGEND)
        panels = _panels(figure, [title for title, _ in several])
        for axes, (_, results) in zip(panels, several, strict=True):
            _difference(axes, ground, results, typology)
        names(panels[0], ground.drawn, ground.frame)
        scale_bar(panels[0], ground.frame.box, points=5.5)
        _difference_bar(figure, 0.02, 0.38)
        _key(figure, unknown=False)
        if fictional:
            fictional_mark(figure, 0.5, 0.6, size=24)
        return png(figure)


def _ground(several: Sequence[Results], layers: Layers, typology: str, high: float) -> _Ground | None:
    """What every panel shows: where somebody comes nearer or goes farther, and the counters touched."""
    measured, moved = set(), set()
    for results in several:
        of_typology = pl.col("typologie") == typology
        communes = results.table("temps").filter(of_typology, pl.col("niveau") == "commune")
        measured |= set(communes["territoire"])
        gone = results.table("gagnants_perdants").filter(of_typology, pl.col("niveau") == "commune")
        moved |= set(gone.filter(pl.col("groupe") == EVERYBODY)["territoire"])
        moved |= set(results.table("points_accueil").filter(of_typology)["code_insee"].drop_nulls())
    columns = ("code", "nom", "departement", "population", "longitude", "latitude", "geometrie")
    known = (
        layers["communes"]
        .filter(pl.col("code").is_in(list(measured | moved)), pl.col("geometrie").is_not_null())
        .select(columns)
        .collect()
        .sort("code")
    )
    seen = known.filter(pl.col("code").is_in(list(moved)))
    if seen.is_empty():
        return None
    (most,) = (
        seen["departement"]
        .value_counts(sort=True)
        .sort("count", "departement", descending=[True, False])["departement"][:1]
    )
    epsg = epsg_of_departement(str(most))
    if epsg is None:
        return None
    same = pl.Series([epsg_of_departement(d) == epsg for d in known["departement"]], dtype=pl.Boolean)
    drawn = known.filter(same)
    shapes = outlines_in_metres(drawn["geometrie"], epsg) or []
    inside = set(seen["code"])
    wide = (_WIDTH - (_PER_ROW - 1) * _GAP) / _PER_ROW
    box = box_around([s for s, code in zip(shapes, drawn["code"], strict=True) if code in inside], wide / high)
    whole = [
        whole_outline([s for s, d in zip(shapes, drawn["departement"], strict=True) if d == departement])
        for departement in drawn["departement"].unique().sort()
    ]
    return _Ground(drawn, shapes, Frame(box, epsg), layers, whole)


def _panels(figure: Figure, titles: Sequence[str]) -> list[Any]:
    """Framed axes, three in a row, each under its title."""
    height = figure.get_figheight()
    wide = (_WIDTH - (_PER_ROW - 1) * _GAP) / _PER_ROW
    panels = []
    for number, title in enumerate(titles):
        row, column = divmod(number, _PER_ROW)
        left, top = column * (wide + _GAP), height - row * (_HIGH + _TITLE)
        panels.append(figure.add_axes((left / _WIDTH, (top - _TITLE - _HIGH) / height, wide / _WIDTH, _HIGH / height)))
        figure.text(
            left / _WIDTH,
            (top - 0.13) / height,
            shorten(title, _LONGEST),
            fontsize=7.4,
            fontweight="bold",
            color=INK,
            parse_math=False,
        )
    return panels


def _times(results: Results, typology: str, ground: _Ground) -> pl.DataFrame:
    """Mean times of the communes drawn, in their order."""
    rows = results.table("temps").filter(pl.col("typologie") == typology, pl.col("niveau") == "commune")
    return ground.drawn.select("code").join(
        rows, left_on="code", right_on="territoire", how="left", maintain_order="left"
    )


def _communes(axes: Any, ground: _Ground, colours: Sequence[str]) -> None:
    frame_axes(axes, ground.frame)
    neighbours(axes, ground.layers, ground.frame, ground.drawn)
    fill(axes, ground.shapes, colours, width=0.3)
    lines = [shapely.get_coordinates(ring) for border in ground.border for ring in exterior_rings(border)]
    axes.add_collection(LineCollection(lines, colors=INK, linewidths=0.7, zorder=5))


def _difference(axes: Any, ground: _Ground, results: Results, typology: str) -> None:
    """Where people live whose time changes; whole communes where there are no cells."""
    limits, shades = difference()
    neutral = shades[len(shades) // 2]
    rows = results.table("carreaux").filter(pl.col("typologie") == typology, pl.col("ecart_s").is_not_null())
    changed = rows.filter(pl.col("ecart_s") != 0).sort("origine_id")
    shade = np.array(shades, dtype=object)[np.searchsorted(limits, changed["ecart_s"].to_numpy() / 60, side="left")]
    alone = (changed["origine_id"] == changed["code_insee"]).to_numpy()
    of_commune = dict(zip(changed["origine_id"].filter(pl.Series(alone)), shade[alone], strict=True))
    _communes(axes, ground, [of_commune.get(code, neutral) for code in ground.drawn["code"]])
    x, y = project(changed["longitude"].to_numpy(), changed["latitude"].to_numpy(), ground.frame.epsg)
    seen = ground.frame.inside(x, y) & ~alone
    # As large as the cell on the ground, but never too small to be seen.
    points = max(0.95, _CELL_M * 72 * axes.get_position().width * _WIDTH / (ground.frame.box[2] - ground.frame.box[0]))
    axes.scatter(
        x[seen], y[seen], s=points**2, c=list(shade[seen]), marker="s", linewidths=0, zorder=3, rasterized=True
    )
    _touched(axes, ground, results, typology, "ecart")


def _untouched(axes: Any, ground: _Ground, results: Results, typology: str) -> None:
    """Counters of the typology that no edit touches."""
    touched = results.table("points_accueil")["point_accueil_id"]
    rows = (
        ground.layers["implantations"]
        .filter(
            pl.col("service_typologie") == typology,
            pl.col("lieu_longitude").is_not_null(),
            ~pl.col("point_accueil_id").is_in(touched.implode()),
        )
        .select("lieu_longitude", "lieu_latitude")
        .sort("lieu_longitude", "lieu_latitude")
        .collect()
    )
    x, y = project(rows["lieu_longitude"].to_numpy(), rows["lieu_latitude"].to_numpy(), ground.frame.epsg)
    seen = ground.frame.inside(x, y)
    axes.scatter(x[seen], y[seen], s=9, c=GREY, marker="o", edgecolors="white", linewidths=0.4, zorder=7)


def _touched(axes: Any, ground: _Ground, results: Results, typology: str, side: str) -> None:
    """Counters the edits touch, as they are on a side (`avant`, `apres`), or what becomes of them (`ecart`)."""
    rows = results.table("points_accueil").filter(pl.col("typologie") == typology, pl.col("longitude").is_not_null())
    if side == "avant":
        was = rows.filter(pl.col("etat") != "ouvert")
        at = [pl.coalesce(f"{c}_avant", c).alias(c) for c in ("longitude", "latitude")]
        _marks(axes, ground.frame, was.with_columns(at), "o", GREY, numbered=False)
        return
    for state, marker, colour, _ in _STATES:
        if side == "apres" and state == "fermé":
            continue
        here = rows.filter(pl.col("etat") == state)
        if side == "ecart" and state == "déplacé":
            _arrows(axes, ground.frame, here)
        _marks(axes, ground.frame, here, marker, colour, numbered=side == "ecart")


def _marks(axes: Any, frame: Frame, rows: pl.DataFrame, marker: str, colour: str, *, numbered: bool) -> None:
    x, y = project(rows["longitude"].to_numpy(), rows["latitude"].to_numpy(), frame.epsg)
    edge = INK if colour == "white" else "white"
    axes.scatter(
        x, y, s=9 if colour == GREY else 22, c=colour, marker=marker, edgecolors=edge, linewidths=0.5, zorder=8
    )
    if not numbered:
        return
    for right, up, ranks in zip(x, y, rows["modifications"], strict=True):
        axes.annotate(
            ranks, (right, up), (3.2, 2.2), textcoords="offset points", fontsize=5.2, fontweight="bold", color=INK,
            zorder=9, annotation_clip=True, clip_on=True,
            path_effects=[withStroke(linewidth=1.6, foreground="white", alpha=0.9)],
        )  # fmt: skip


def _arrows(axes: Any, frame: Frame, rows: pl.DataFrame) -> None:
    """From where counters were to where they go."""
    was = _metres(rows["longitude_avant"], rows["latitude_avant"], frame)
    now = _metres(rows["longitude"], rows["latitude"], frame)
    for start, end in zip(was, now, strict=True):
        axes.annotate(
            "", tuple(end), tuple(start), zorder=6, annotation_clip=False,
            arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 0.6, "mutation_scale": 5, "clip_on": True},
        )  # fmt: skip


def _metres(longitude: pl.Series, latitude: pl.Series, frame: Frame) -> Floats:
    return np.column_stack(project(longitude.to_numpy(), latitude.to_numpy(), frame.epsg))


def _bar(
    figure: Figure, left: float, width: float, colours: Sequence[str], limits: Sequence[str], ends: tuple[str, str]
) -> None:
    """Classes side by side, their limits under; `left` and `width` in shares of the figure."""
    height = figure.get_figheight()
    bottom, high = (_LEGEND - 0.2) / height, 0.09 / height
    wide = width / len(colours)
    for number, colour in enumerate(colours):
        corner = (left + number * wide, bottom)
        figure.add_artist(Rectangle(corner, wide, high, facecolor=colour, edgecolor=EDGE, linewidth=0.4))
    style: dict[str, Any] = {"fontsize": 5.8, "color": INK, "va": "top", "ha": "center"}
    for number, limit in enumerate(limits, start=1):
        figure.text(left + number * wide, bottom - 0.02 / height, limit, **style)
    figure.text(left, bottom - 0.02 / height, ends[0], **style | {"ha": "left"})
    figure.text(left + width, bottom - 0.02 / height, ends[1], **style | {"ha": "right"})


def _difference_bar(figure: Figure, left: float, width: float) -> None:
    limits, shades = difference()
    words = [f"{v:+g}".replace("-", "\u2212").replace(".", ",") for v in limits]
    _bar(figure, left, width, shades, words, ("", "min"))


def _key(figure: Figure, *, unknown: bool) -> None:
    """The marks of counters."""
    marks = [("o", GREY, "point d’accueil"), *((m, c, label) for _, m, c, label in _STATES)]
    handles: list[Any] = [
        Line2D([], [], marker=m, linestyle="", markersize=3.4 if c == GREY else 4.6, color=c,
               markeredgecolor=INK if c == "white" else "white", markeredgewidth=0.5, label=label)
        for m, c, label in marks
    ]  # fmt: skip
    if unknown:
        handles.append(Patch(facecolor=UNKNOWN, edgecolor=EDGE, linewidth=0.4, label="non connu"))
    figure.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0.012, 0.0), ncols=len(handles), frameon=False,
        fontsize=5.8, labelcolor=INK, handletextpad=0.2, columnspacing=1.1, borderaxespad=0, borderpad=0.1,
        title=None,
    )  # fmt: skip
    figure.text(
        0.995, 0.03 / figure.get_figheight(), "numéros : ceux des modifications", fontsize=5.8, color=GREY, ha="right"
    )
