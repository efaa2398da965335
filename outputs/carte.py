"""The picture of a release: distance or time to the nearest counter of one typology, by commune, counters on top.

One PNG for a README, a slide or a wall; the same tables give the same bytes. It draws what the tables say and computes
nothing but medians and shares. Interactive maps and tiles are other products.
"""

import itertools
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
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
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from outputs import geometry
from pipeline.foundations.crs import Floats, epsg_of_departement, project
from pipeline.foundations.errors import WrongUse

#: Name of the picture inside a release.
OVERVIEW = "carte/apercu.png"
#: What the picture of a release shows.
TYPOLOGY = "France services"

#: ColorBrewer YlGnBu, light near and dark far: read the same by colour-blind eyes and on a grey print.
COLOURS = ("#ffffcc", "#c7e9b4", "#7fcdbb", "#41b6c4", "#2c7fb8", "#253494")
#: Counters: vermilion of Okabe and Ito, far from every blue and green above for every eye.
COUNTER = "#d55e00"
INK, GREY, UNKNOWN, ALERT = "#1b1f24", "#5b6570", "#d9d9d9", "#b3261e"
_NEARLY = 0.98
_NEIGHBOURS_M = 2_000.0  # outlines this close are drawn in one panel
_INSETS_BEYOND = 10  # a panel of more départements than this is a country: the others become insets beside it
_PER_ROW = 3
_DPI = 150
_WIDTH = 12.0  # inches
_TITLES = 0.6  # inches kept above each row of panels for their titles
_NAME_POINTS = 8
#: Where a name may stand around its place, in points, best first.
_SPOTS = ((6, 4), (-6, 4), (6, -11), (-6, -11), (0, 9), (0, -16), (14, -3), (-14, -3))
_CREDIT_COLUMNS = 205  # characters of the credit's size that fit the width


@dataclass(frozen=True)
class MapText:
    """What the picture says around the map, in French.

    Attributes:
        version: of the release.
        licence: its title.
        credits: credit line by source id; those of the sources drawn are printed.
        always: ids of the sources credited whatever is drawn (outlines, official codes).
        fictional: the data is invented, and the picture says so across itself.
    """

    version: str
    licence: str
    credits: Mapping[str, str] = field(default_factory=dict)
    always: Sequence[str] = ("cog", "contours")
    fictional: bool = False


@dataclass(frozen=True)
class Measure:
    """What the colours say: a column of a table by commune and typology.

    Attributes:
        column: its values, divided by `divisor` to be in `unit`.
        scales: limits between classes; the first whose last limit is beyond nearly every commune is taken.
        title: in French, with `{}` for the typology. source, near, far: of the sentence below, values in `unit`.
    """

    column: str
    divisor: float
    unit: str
    scales: tuple[tuple[int, ...], ...]
    title: str
    source: str
    near: int
    far: int


DISTANCE = Measure(
    column="distance_vol_oiseau_m",
    divisor=1000,
    unit="km",
    scales=((2, 5, 10, 15, 20), (5, 10, 20, 30, 50), (10, 25, 50, 100, 200)),
    title="Distance au point d’accueil « {} » le plus proche",
    source="À vol d’oiseau, depuis la mairie de chaque commune.",
    near=5,
    far=10,
)
TIME = Measure(
    column="temps_moyen_min",
    divisor=1,
    unit="min",
    scales=((5, 10, 15, 20, 30), (10, 20, 30, 45, 60), (20, 40, 60, 90, 120)),
    title="Temps en voiture, « {} » le plus proche",
    source="Par la route, en moyenne sur les habitants de chaque commune.",
    near=20,
    far=30,
)
MEASURES = {"distance": DISTANCE, "temps": TIME}


@dataclass(frozen=True)
class _Panel:
    """Neighbouring départements, in metres of their legal projection."""

    codes: tuple[str, ...]
    title: str
    outlines: list[Any]  # shapely, one per commune; None where there is none
    values: Floats  # one per commune; NaN where unknown
    borders: list[Any]  # shapely, one per département
    counters: tuple[Floats, Floats]
    names: pl.DataFrame  # nom, x, y: largest communes first

    @property
    def box(self) -> tuple[float, float, float, float]:
        xmin, ymin, xmax, ymax = (float(v) for v in shapely.total_bounds(self.borders))
        margin = 0.03 * max(xmax - xmin, ymax - ymin)
        return xmin - margin, ymin - margin, xmax + margin, ymax + margin

    @property
    def aspect(self) -> float:
        xmin, ymin, xmax, ymax = self.box
        return (xmax - xmin) / (ymax - ymin)


def render_map(
    path: Path,
    *,
    communes: pl.DataFrame,
    departements: pl.DataFrame,
    distances: pl.DataFrame,
    implantations: pl.DataFrame,
    text: MapText,
    typology: str = TYPOLOGY,
    measure: Measure = DISTANCE,
) -> None:
    """Draw the map of one typology as a PNG 1,800 pixels wide.

    Args:
        path: file to write, replaced when it exists; its folder is made.
        communes: `code, nom, departement, population, longitude, latitude, geometrie` (WKB or shapely, WGS84).
        departements: `code, nom`.
        distances: `code_insee, typologie` and the column of the measure.
        implantations: `service_typologie, lieu_longitude, lieu_latitude, lieu_code_departement, sources`.

    Raises:
        WrongUse: no commune has an outline, or no value is of that typology.
    """
    values = distances.filter(pl.col("typologie") == typology).select(
        pl.col("code_insee").alias("code"), (pl.col(measure.column) / measure.divisor).alias("value")
    )
    drawn = communes.filter(pl.col("geometrie").is_not_null()).join(values, on="code", how="left").sort("code")
    if values.is_empty() or drawn.is_empty():
        raise WrongUse(
            f"map of {typology!r}",
            expected="communes with an outline, and their distance to a counter of that typology",
            found=f"{values.height} distances, {drawn.height} outlines",
            remedy="name a typology of the table `distances`, and départements of the release",
        )
    counters = implantations.filter(
        (pl.col("service_typologie") == typology) & pl.col("lieu_longitude").is_not_null()
    ).sort("lieu_longitude", "lieu_latitude")
    panels = _panels(drawn, departements, counters)
    far = drawn["value"].drop_nulls().quantile(_NEARLY) or 0.0
    limits = next((s for s in measure.scales if s[-1] >= far), measure.scales[-1])
    with mpl.rc_context():
        mpl.rcdefaults()  # a reader's own matplotlibrc does not change the picture
        mpl.rcParams["font.family"] = "DejaVu Sans"  # shipped with matplotlib: the same letters everywhere
        figure = _compose(panels, limits, typology, drawn, communes.height - drawn.height, measure)
        _footer(figure, text, _used(implantations, typology))
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="png", dpi=_DPI, facecolor="white", metadata={"Software": None})


def _panels(drawn: pl.DataFrame, departements: pl.DataFrame, counters: pl.DataFrame) -> list[_Panel]:
    """One panel per group of neighbours, the largest group first."""
    names = dict(departements.select("code", "nom").iter_rows())
    outlines: dict[str, list[Any]] = {}
    for (code,), group in drawn.group_by("departement", maintain_order=True):
        projected = outlines_in_metres(group["geometrie"], epsg_of_departement(str(code)))
        if projected is not None:
            outlines[str(code)] = projected
    borders = {code: whole_outline(projected) for code, projected in outlines.items()}
    panels = []
    for codes in _neighbours(borders):
        epsg = epsg_of_departement(codes[0])
        rows = pl.concat(drawn.filter(pl.col("departement") == c) for c in codes)
        here = counters.filter(pl.col("lieu_code_departement").is_in(codes))
        x, y = project(rows["longitude"].to_numpy(), rows["latitude"].to_numpy(), epsg)
        places = (
            rows.select("nom", "population", x=pl.Series(x), y=pl.Series(y))
            .drop_nulls()
            .sort("population", "nom", descending=[True, False])
        )
        panels.append(
            _Panel(
                codes=codes,
                title=_title(codes, names),
                outlines=[o for c in codes for o in outlines[c]],
                values=rows["value"].cast(pl.Float64).fill_null(float("nan")).to_numpy(),
                borders=[borders[c] for c in codes],
                counters=project(here["lieu_longitude"].to_numpy(), here["lieu_latitude"].to_numpy(), epsg),
                names=places,
            )
        )
    return sorted(panels, key=lambda p: (-len(p.codes), p.codes))


def outlines_in_metres(geometries: pl.Series, epsg: int | None) -> list[Any] | None:
    """Outlines (WKB, WGS84) as shapely geometries in metres; None where the territory has no projected system."""
    if epsg is None:
        return None
    parsed = shapely.from_wkb(geometries.to_list())

    def metres(points: Floats) -> Floats:
        return np.column_stack(project(points[:, 0], points[:, 1], epsg))

    return list(shapely.transform(parsed, metres))


def whole_outline(outlines: Sequence[Any]) -> Any:
    """One outline of communes in metres; slivers between generalised communes are closed."""
    return geometry.merge(outlines).buffer(60.0, quad_segs=1).buffer(-60.0, quad_segs=1)


def _neighbours(borders: Mapping[str, Any]) -> list[tuple[str, ...]]:
    codes = list(borders)
    tree = shapely.STRtree([borders[c] for c in codes])
    left, right = tree.query([borders[c] for c in codes], predicate="dwithin", distance=_NEIGHBOURS_M)
    same = [epsg_of_departement(codes[a]) == epsg_of_departement(codes[b]) for a, b in zip(left, right, strict=True)]
    graph = coo_array((same, (left, right)), shape=(len(codes), len(codes)))
    _, group = connected_components(graph, directed=False)
    return [tuple(c for c, g in zip(codes, group, strict=True) if g == wanted) for wanted in dict.fromkeys(group)]


def _title(codes: Sequence[str], names: Mapping[str, str]) -> str:
    return "" if len(codes) > _INSETS_BEYOND else " · ".join(f"{names.get(c, '')} ({c})" for c in codes)


def _compose(
    panels: Sequence[_Panel],
    limits: Sequence[int],
    typology: str,
    drawn: pl.DataFrame,
    without: int,
    measure: Measure,
) -> Figure:
    country = len(panels[0].codes) > _INSETS_BEYOND
    rows = [panels[i : i + _PER_ROW] for i in range(0, len(panels), _PER_ROW)]
    if country:
        body = 9.0
    else:
        # Every row fills the width; its height follows from the shapes it holds.
        body = sum(min(6.5, 0.97 * (_WIDTH - 0.8) / sum(p.aspect for p in row)) + _TITLES for row in rows)
    head, foot = 1.0, 1.45
    height = head + body + foot
    figure = Figure(figsize=(_WIDTH, height), layout=None)
    FigureCanvasAgg(figure)
    inside = (0.4 / _WIDTH, foot / height, 1 - 0.8 / _WIDTH, body / height)
    if country:
        _country(figure, panels, limits, inside, measure)
    else:
        _side_by_side(figure, rows, limits, inside, measure)
    _header(figure, typology, drawn, height, measure)
    unknown = bool(drawn["value"].null_count())
    _legend(figure, limits, typology, unknown, without, (foot - 0.15) / height, measure.unit)
    return figure


def _side_by_side(
    figure: Figure,
    rows: Sequence[Sequence[_Panel]],
    limits: Sequence[int],
    box: tuple[float, float, float, float],
    measure: Measure,
) -> None:
    left, bottom, width, height = box
    titles = _TITLES / figure.get_figheight()
    for i, row in enumerate(rows):
        share = height / len(rows)
        widths = np.array([p.aspect for p in row]) / sum(p.aspect for p in row) * width
        x = left
        for panel, wide in zip(row, widths, strict=True):
            axes = figure.add_axes((x, bottom + (len(rows) - 1 - i) * share, wide * 0.97, share - titles))
            _draw(axes, panel, limits, measure.unit, labels=4, dot=34.0)
            x += wide


def _country(
    figure: Figure,
    panels: Sequence[_Panel],
    limits: Sequence[int],
    box: tuple[float, float, float, float],
    measure: Measure,
) -> None:
    left, bottom, width, height = box
    others = panels[1:]
    main = 0.8 if others else 1.0
    _draw(figure.add_axes((left, bottom, width * main, height)), panels[0], limits, measure.unit, labels=9, dot=4.0)
    share = height / max(len(others), 1)
    for i, panel in enumerate(others):
        x, y, wide, high = left + width * (main + 0.01), bottom + height - (i + 1) * share, width * (0.99 - main), share
        figure.text(x, y + high * 0.98, panel.title, fontsize=6, fontweight="bold", color=INK, va="top")
        _draw(figure.add_axes((x, y + high * 0.08, wide, high * 0.8)), panel, limits, measure.unit, labels=0, dot=7.0)


def _draw(axes: Any, panel: _Panel, limits: Sequence[int], unit: str, *, labels: int, dot: float) -> None:
    colours = np.array(COLOURS, dtype=object)[np.digitize(np.nan_to_num(panel.values, nan=0.0), limits)]
    colours[np.isnan(panel.values)] = UNKNOWN
    rings, faces = [], []
    for outline, colour in zip(panel.outlines, colours, strict=True):
        for part in shapely.get_parts(outline):
            rings.append(shapely.get_coordinates(part.exterior))
            faces.append(colour)
    fine = len(panel.codes) > _INSETS_BEYOND
    edge = 0.05 if fine else 0.35
    axes.add_collection(PolyCollection(rings, facecolors=faces, edgecolors="white", linewidths=edge))
    lines = [shapely.get_coordinates(ring) for b in panel.borders for ring in exterior_rings(b)]
    axes.add_collection(LineCollection(lines, colors=INK, linewidths=0.35 if fine else 0.9))
    axes.scatter(*panel.counters, s=dot, c=COUNTER, edgecolors="white", linewidths=0.2 if fine else 0.7, zorder=8)
    xmin, ymin, xmax, ymax = panel.box
    axes.set_xlim(xmin, xmax)
    axes.set_ylim(ymin, ymax)
    axes.set_aspect("equal")
    axes.set_axis_off()
    known = panel.values[~np.isnan(panel.values)]
    if panel.title and labels:
        figures = (
            f"commune médiane {_number(np.median(known))} {unit}, maximum {_number(known.max())} {unit}"
            if known.size
            else ""
        )
        for words, above, style in (
            (panel.title, 22, {"fontsize": 11, "fontweight": "bold", "color": INK}),
            (figures, 8, {"fontsize": 8.5, "color": GREY}),
        ):
            axes.annotate(words, (0, 1), (0, above), xycoords="axes fraction", textcoords="offset points", **style)
    scale_bar(axes, panel.box, points=5.5 if labels == 0 else 7.5)
    _place_names(axes, panel, labels)


def exterior_rings(border: Any) -> list[Any]:
    """Exterior rings of a border in metres: islets and holes smaller than a pixel are left out."""
    return [p.exterior for p in shapely.get_parts(border) if p.area > 1e5]


def scale_bar(axes: Any, box: tuple[float, float, float, float], *, points: float) -> None:
    """A bar of a round number of km at the lower left of a box `xmin, ymin, xmax, ymax` in metres."""
    xmin, ymin, xmax, ymax = box
    length = max((s for s in (1, 2, 5, 10, 20, 50, 100, 200) if s * 1000 < 0.28 * (xmax - xmin)), default=1)
    x, y = xmin + 0.02 * (xmax - xmin), ymin + 0.015 * (ymax - ymin)
    axes.plot([x, x + length * 1000], [y, y], color=INK, linewidth=1.2, solid_capstyle="butt")
    axes.annotate(f"{length} km", (x, y), (0, 3), textcoords="offset points", fontsize=points, color=INK)


def _place_names(axes: Any, panel: _Panel, wanted: int) -> None:
    """The largest communes, not too near each other, each name where it hides the fewest counters."""
    xmin, ymin, xmax, ymax = panel.box
    apart = 0.16 * max(xmax - xmin, ymax - ymin)
    scale = _metres_per_point(axes, panel)
    kept: list[tuple[float, float]] = []
    for name, _, x, y in panel.names.iter_rows():
        if len(kept) >= wanted:
            return
        if any(abs(x - a) < 1.3 * apart and abs(y - b) < 0.5 * apart for a, b in kept):
            continue
        kept.append((x, y))
        hidden = [_hidden(panel, scale, name, x, y, spot) for spot in _SPOTS]
        right, up = _SPOTS[hidden.index(min(hidden))]
        axes.annotate(
            name, (x, y), (right, up), textcoords="offset points", fontsize=_NAME_POINTS, color=INK,
            ha="left" if right > 0 else "right" if right < 0 else "center", zorder=7,
            path_effects=[withStroke(linewidth=2.4, foreground="white", alpha=0.9)],
        )  # fmt: skip


def _metres_per_point(axes: Any, panel: _Panel) -> float:
    xmin, ymin, xmax, ymax = panel.box
    place, (wide, high) = axes.get_position(), axes.figure.get_size_inches()
    return float(max((xmax - xmin) / (72 * wide * place.width), (ymax - ymin) / (72 * high * place.height)))


def _hidden(panel: _Panel, scale: float, name: str, x: float, y: float, spot: tuple[int, int]) -> int:
    """How many counters a name written there would hide; a name that leaves the panel hides them all."""
    right, up = spot
    width, height = 0.62 * _NAME_POINTS * len(name) * scale, 1.1 * _NAME_POINTS * scale
    left = x + right * scale - (0 if right > 0 else width if right < 0 else width / 2)
    bottom = y + up * scale
    margin = 6 * scale  # half a counter, and the white edge of the letters
    xs, ys = panel.counters
    under = (
        (xs > left - margin) & (xs < left + width + margin) & (ys > bottom - margin) & (ys < bottom + height + margin)
    )
    inside = panel.box[0] <= left and left + width <= panel.box[2]
    return int(under.sum()) if inside else xs.size + 1


def _header(figure: Figure, typology: str, drawn: pl.DataFrame, height: float, measure: Measure) -> None:
    left = 0.4 / _WIDTH
    figure.text(
        left, 1 - 0.26 / height, measure.title.format(typology),
        fontsize=18, fontweight="bold", color=INK, va="top",
    )  # fmt: skip
    figure.text(left, 1 - 0.66 / height, _summary(drawn, measure), fontsize=10.5, color=GREY, va="top")


def _summary(drawn: pl.DataFrame, measure: Measure) -> str:
    """How far people are: shares of the population of the communes whose value is known."""
    known = drawn.drop_nulls(["value", "population"])
    people = int(known["population"].sum())
    if not people:
        return measure.source
    within, beyond = (
        round(100 * int(known.filter(condition)["population"].sum()) / people)
        for condition in (pl.col("value") < measure.near, pl.col("value") >= measure.far)
    )
    near, far = f"{measure.near} {measure.unit}", f"{measure.far} {measure.unit}"
    return f"{measure.source} Commune à moins de {near} : {within} % de la population ; à {far} ou plus : {beyond} %."


def _legend(
    figure: Figure, limits: Sequence[int], typology: str, unknown: bool, without: int, top: float, unit: str
) -> None:
    words = [f"moins de {limits[0]} {unit}"]
    words += [f"{a} à {b} {unit}" for a, b in itertools.pairwise(limits)]
    words += [f"{limits[-1]} {unit} et plus"]
    handles: list[Any] = [
        Patch(facecolor=c, edgecolor="#9aa4ad", linewidth=0.4, label=w) for c, w in zip(COLOURS, words, strict=True)
    ]
    if unknown:
        handles.append(Patch(facecolor=UNKNOWN, edgecolor="#9aa4ad", linewidth=0.4, label="inconnu"))
    handles.append(
        Line2D([], [], marker="o", linestyle="", markersize=6.5, color=COUNTER, markeredgecolor="white", label=typology)
    )
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.4 / _WIDTH - 0.006, top), ncols=len(handles),
        frameon=False, fontsize=8.5, handlelength=1.5, handleheight=1.1, columnspacing=1.2, labelcolor=INK,
    )  # fmt: skip
    if without:
        word = "commune n’a pas" if without == 1 else "communes n’ont pas"
        figure.text(
            1 - 0.4 / _WIDTH, top - 0.04, f"{without} {word} de contour", ha="right", va="top", fontsize=7, color=GREY
        )


def _used(implantations: pl.DataFrame, typology: str) -> set[str]:
    """Ids of the sources of what is drawn: the counters, and the mairies distances start from."""
    shown = implantations.filter(pl.col("service_typologie").is_in([typology, "Mairie"]))
    return set(shown.select(pl.col("sources").str.split("|").explode().unique())["sources"].drop_nulls().to_list())


def _footer(figure: Figure, text: MapText, used: set[str]) -> None:
    height = figure.get_figheight()
    lines = [text.credits[name] for name in text.credits if name in used or name in text.always]
    credits = textwrap.wrap("Sources : " + " ; ".join(lines) + ".", _CREDIT_COLUMNS, break_on_hyphens=False)
    credits.append(f"Carto Services Publics, version {text.version}. {text.licence}.")
    figure.text(0.4 / _WIDTH, 0.16 / height, "\n".join(credits), fontsize=6.8, color=GREY, va="bottom", linespacing=1.4)
    if text.fictional:
        figure.text(
            1 - 0.4 / _WIDTH, 1 - 0.3 / height, "DONNÉES FICTIVES", ha="right", va="top", fontsize=11,
            fontweight="bold", color="white", bbox={"facecolor": ALERT, "edgecolor": "none", "pad": 5},
        )  # fmt: skip
        figure.text(
            0.5, 0.52, "DONNÉES FICTIVES", ha="center", va="center", rotation=24, fontsize=62, fontweight="bold",
            color=INK, alpha=0.07, zorder=10,
        )  # fmt: skip


def _number(value: Any) -> str:
    return f"{value:.1f}".replace(".", ",")
