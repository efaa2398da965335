"""Cells placed in communes: nobody lost, nobody counted twice, totals held against the communes' populations."""

from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.raw.ingest import ingest
from assets.territories import grid
from assets.territories.assets import carreaux as carreaux_asset
from pipeline.foundations import crs
from pipeline.foundations.errors import WrongUse
from pipeline.foundations.issues import IssueLog
from pipeline.foundations.paths import DataRoot
from pipeline.foundations.urls import mirror_file
from pipeline.foundations.workspace import Workspace
from sources.carreaux import read as carreaux
from sources.registry import get_source

E0, N0 = 4_050_000, 2_430_000  # a corner of both grids, near Briançon
AS_THEY_COME = grid.Settings(tailles_m=(200, 1000), calage="aucun")
CALIBRATED = grid.Settings(tailles_m=(200, 1000), calage="population_communale")
PASSAGE = pl.DataFrame({"code_ancien": ["05999", "05998"], "code": ["05002", None]})


def box(west: float, south: float, east: float, north: float) -> bytes:
    """Metres east and north of the corner, in EPSG:3035 -> WKB in degrees."""
    ring = np.array([(west, south), (east, south), (east, north), (west, north), (west, south)], dtype=float)
    longitude, latitude = crs.unproject(E0 + ring[:, 0], N0 + ring[:, 1], 3035)
    return shapely.to_wkb(shapely.multipolygons([shapely.polygons(np.column_stack([longitude, latitude]))]))


def communes(*rows):
    """(code, population, outline or None)"""
    return pl.DataFrame(
        [(code, f"Commune {code}", code[:2], "200000001", people, outline) for code, people, outline in rows],
        schema={
            "code": pl.String,
            "nom": pl.String,
            "departement": pl.String,
            "epci": pl.String,
            "population": pl.Int64,
            "geometrie": pl.Binary,
        },
        orient="row",
    )


#: Two communes side by side, 1 km wide each; a third without outline; one of a département without cells.
COMMUNES = communes(
    ("05001", 100, box(0, 0, 1000, 1000)),
    ("05002", 300, box(1000, 0, 2000, 1000)),
    ("05003", 7, None),
    ("97101", 50, None),
)


def cells(*rows):
    """(metres east, metres north, ind, codes of the file)"""
    frame = pl.DataFrame(
        [(E0 + x, N0 + y, ind, named) for x, y, ind, named in rows],
        schema={"x": pl.Int32, "y": pl.Int32, "ind": pl.Float64, "communes_source": pl.List(pl.String)},
        orient="row",
    )
    longitude, latitude = crs.unproject(
        frame["x"].to_numpy().astype(float) + 100, frame["y"].to_numpy().astype(float) + 100, 3035
    )
    full = frame.with_columns(
        pl.format("CRS3035RES200mN{}E{}", "y", "x").alias("carreau_id"),
        pl.Series("longitude", longitude),
        pl.Series("latitude", latitude),
        pl.lit(200, dtype=pl.Int32).alias("taille_m"),
        pl.lit(3035, dtype=pl.Int32).alias("epsg"),
        pl.lit("2021").alias("millesime"),
        pl.lit(True).alias("impute"),
    )
    missing = {name: dtype for name, dtype in carreaux.SCHEMA.items() if name not in full.columns}
    return full.with_columns(pl.lit(None, dtype=t).alias(n) for n, t in missing.items()).select(carreaux.SCHEMA.names())


def place(frame, where=COMMUNES, chosen=AS_THEY_COME):
    issues = IssueLog("territoires")
    made = grid.territory_cells(frame, where, PASSAGE, chosen, issues)
    return made[grid.CELLS], made[grid.CONTROL], issues.frame()


# --- commune of a cell ---------------------------------------------------------------------------------------------


def test_a_cell_belongs_to_the_commune_of_its_centre():
    placed, _, issues = place(cells((0, 0, 5, None), (800, 0, 6, ["05002"]), (1000, 800, 7, None)))
    assert placed.select("commune", "rattachement", "departement", "epci").rows() == [
        ("05001", "centre", "05", "200000001"),
        ("05001", "centre", "05", "200000001"),  # whatever the file says
        ("05002", "centre", "05", "200000001"),
    ]
    assert issues.is_empty()


def test_a_centre_on_a_shared_border_is_counted_once():
    placed, _, _ = place(cells((900, 400, 5, None)))
    assert placed["commune"].to_list() in (["05001"], ["05002"])  # the border is straight in degrees, not in metres


@pytest.mark.parametrize(
    ("north", "named", "commune", "how"),
    [
        (1000, ["05002"], "05002", "communes du fichier"),  # the file knows better than the distance
        (1000, ["05999"], "05002", "communes du fichier"),  # a former code
        (1000, ["05998"], "05001", "commune la plus proche"),  # split: leads nowhere
        (1000, ["05003"], "05001", "commune la plus proche"),  # no outline to be near
        (1000, ["99999"], "05001", "commune la plus proche"),
        (1000, None, "05001", "commune la plus proche"),
        (2600, ["05001"], "05001", "communes du fichier"),
        (1200, None, None, None),
        (3200, ["05001"], None, None),  # no cell of a commune is two kilometres away from it
    ],
)
def test_a_centre_outside_every_outline(north, named, commune, how):
    placed, _, issues = place(cells((600, north, 5, named)))
    if commune is None:
        assert placed.is_empty()
        (issue,) = issues.to_dicts()
        assert (issue["regle"], issue["gravite"], issue["valeur"]) == ("carreau-hors-communes", "erreur", "5.0")
    else:
        assert placed.select("commune", "rattachement").row(0) == (commune, how)
        assert issues.is_empty()


def test_the_nearest_of_the_communes_named():
    placed, _, _ = place(cells((1400, 1000, 5, ["05001", "05002"])))
    assert placed["commune"].to_list() == ["05002"]


def test_cells_are_squares_of_their_own_grid():
    placed, _, _ = place(cells((0, 0, 5, None), (200, 0, 5, None)))
    first, second = shapely.from_wkb(placed["geometrie"].to_numpy())
    assert first.geom_type == "MultiPolygon"
    x, y = crs.project(*np.array(first.geoms[0].exterior.coords).T, 3035)
    assert np.column_stack([x - E0, y - N0]) == pytest.approx(
        np.array([(0, 0), (200, 0), (200, 200), (0, 200), (0, 0)]), abs=0.02
    )
    assert shapely.area(shapely.intersection(first, second)) == 0
    assert shapely.intersection(first, second).length > 0  # they share a side exactly


def test_three_territories_at_once():
    x, y = pl.Series([340_000, 708_000]), pl.Series([7_680_000, 1_616_000])
    frame = cells((0, 0, 1, None), (0, 0, 1, None)).with_columns(
        pl.Series("epsg", [2975, 5490], dtype=pl.Int32), x.cast(pl.Int32).alias("x"), y.cast(pl.Int32).alias("y")
    )
    shapes = shapely.from_wkb(grid.squares(frame).to_numpy())
    assert [round(s.centroid.x) for s in shapes] == [55, -61]
    assert [round(s.centroid.y) for s in shapes] == [-21, 15]


# --- population ----------------------------------------------------------------------------------------------------


def test_the_control_says_what_compares_and_what_does_not():
    where = pl.concat([COMMUNES, communes(("05004", None, box(2000, 0, 3000, 1000)))])
    _, control, _ = place(cells((0, 0, 40, None), (200, 0, None, None), (2200, 0, 9, None)), where)
    rows = {row["commune"]: row for row in control.to_dicts()}
    one = rows["05001"]
    assert (one["population_carreaux"], one["population_legale"], one["ecart"], one["rapport"]) == (40, 100, -60, 0.4)
    assert (one["carreaux"], one["carreaux_imputes"], one["carreaux_inconnus"]) == (2, 2, 1)
    assert {code: row["statut"] for code, row in rows.items()} == {
        "05001": "comparée",
        "05002": "commune sans carreau",
        "05003": "commune sans carreau",
        "05004": "population légale inconnue",
        "97101": "département sans carreaux",
    }
    assert rows["05002"]["population_carreaux"] is None  # no cell is not nobody


def test_both_populations_are_kept_whichever_is_used():
    frame = cells((0, 0, 40, None), (200, 0, 10, None))
    plain, _, _ = place(frame)
    scaled, control, _ = place(frame, chosen=CALIBRATED)
    assert plain["population"].to_list() == plain["ind"].to_list() == [40, 10]
    assert scaled["population"].to_list() == scaled["ind_cale"].to_list() == [80, 20]
    assert plain.drop("population").equals(scaled.drop("population"))
    assert control.filter(pl.col("commune") == "05001")["population_carreaux"].item() == 50  # as published


def test_nothing_is_shared_out_where_nothing_says_how():
    where = communes(("05001", 100, box(0, 0, 1000, 1000)), ("05002", None, box(1000, 0, 2000, 1000)))
    placed, _, _ = place(cells((0, 0, 0, None), (1000, 0, 12, None)), where)
    assert placed["ind_cale"].to_list() == [None, None]


PEOPLE = st.one_of(st.none(), st.integers(0, 5000).map(lambda n: n / 10))
SPOTS = st.lists(st.tuples(st.integers(-8, 18), st.integers(-8, 12), PEOPLE), unique_by=lambda s: s[:2], max_size=40)


@settings(max_examples=50, deadline=None)
@given(SPOTS, st.integers(0, 10_000), st.integers(0, 10_000))
def test_everybody_is_in_one_commune_or_set_aside_and_totals_hold(spots, first, second):
    frame = cells(*((x * 200, y * 200, ind, None) for x, y, ind in spots))
    where = communes(("05001", first, box(0, 0, 1000, 1000)), ("05002", second, box(1000, 0, 2000, 1000)))
    placed, control, issues = place(frame, where)
    aside = sum(float(v) for v in issues["valeur"].to_list() if v)
    assert placed.height + issues.height == frame.height
    assert placed["carreau_id"].is_unique().all()
    assert control["carreaux"].sum() == placed.height
    assert placed["ind"].sum() + aside == pytest.approx(frame["ind"].sum())
    assert control["population_carreaux"].sum() == pytest.approx(placed["ind"].sum())
    for code, legal in (("05001", first), ("05002", second)):
        mine = placed.filter(pl.col("commune") == code)
        if (mine["ind"].sum() or 0) > 0:
            assert mine["ind_cale"].sum() == pytest.approx(legal)
            assert mine["ind_cale"].null_count() == mine["ind"].null_count()


# --- settings, and no grid -----------------------------------------------------------------------------------------


def test_the_settings_of_the_project_are_valid_and_bad_ones_told(tmp_path: Path):
    assert grid.load_settings() == AS_THEY_COME
    path = tmp_path / "carreaux.yml"
    for text in (
        "tailles_m: []\ncalage: aucun",
        "tailles_m: [500]\ncalage: aucun",
        "tailles_m: [200]\ncalage: oui",
        ": :",
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(WrongUse, match=r"expected settings of the grid"):
            grid.load_settings(path)


def test_without_a_grid_both_tables_are_there_and_empty():
    empty = grid.no_cells()
    placed, control, _ = place(cells((0, 0, 5, None)))
    assert {name: frame.schema for name, frame in empty.items()} == {
        grid.CELLS: placed.schema,
        grid.CONTROL: control.schema,
    }
    assert all(frame.is_empty() for frame in empty.values())


@pytest.mark.parametrize(
    ("held", "expected"), [((), 0), (("carreaux_1km",), 1), (("carreaux_1km", "carreaux_200m"), 3)]
)
def test_the_asset_takes_the_first_size_that_is_held(tmp_path: Path, fixtures: Path, held, expected):
    root = DataRoot(tmp_path / "data")
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    workspace = Workspace(root, mirror=mirror)
    for source in held:
        spec = get_source(source).imagined()
        file = mirror_file(mirror, spec.resources[0].url)
        file.parent.mkdir(parents=True)
        file.write_bytes((fixtures / "carreaux" / f"2021_{source.removeprefix('carreaux_')}.csv").read_bytes())
        assert ingest(spec, snapshots=workspace.snapshots, tables=workspace.tables, mirror=mirror).refus is None
    longitude, latitude = crs.unproject(
        np.array([4_044_000.0, 4_048_000.0]), np.array([2_418_000.0, 2_421_000.0]), 3035
    )
    outline = shapely.to_wkb(shapely.multipolygons([shapely.box(longitude[0], latitude[0], longitude[1], latitude[1])]))
    workspace.tables.write("territories__communes", communes(("05023", 200, outline)), recipe="essai")
    workspace.tables.write("territories__passage", PASSAGE, recipe="essai")
    assert dg.materialize([carreaux_asset], resources={"workspace": workspace}).success
    placed = workspace.tables.read(grid.CELLS)
    assert placed.height == expected
    assert workspace.tables.read(grid.CONTROL).height == (1 if held else 0)
    # The two cells of the other territories are in none of these communes.
    assert workspace.tables.read("territories__carreaux_issues").height == (2 if held == ("carreaux_1km",) else 0)


# --- real files ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def today(real_data, tmp_path_factory):
    """Communes in force and the passage to them, from the real feeds."""
    from assets.territories import geography
    from assets.territories.passage import passage
    from pipeline.foundations.snapshots import SnapshotStore
    from pipeline.foundations.tables import TableStore

    root = tmp_path_factory.mktemp("territoires")
    snapshots, tables = SnapshotStore(root / "s"), TableStore(root / "t")
    for name in ("cog", "contours"):
        ingest(get_source(name), snapshots=snapshots, tables=tables, mirror=real_data / "mirror")
    issues = IssueLog("territoires")
    current = geography.communes(tables.read("raw__cog_communes"), tables.read("raw__contours_contours"), issues)
    return current, passage(tables.read("raw__cog_anciens_codes"), current, issues)


def real_grid(source, path, **options):
    spec = get_source(source)
    result = carreaux.read({"france": path}, spec.model_copy(update={"options": {**spec.options, **options}}))
    return result.tables["carreaux"]


@pytest.mark.lent
@pytest.mark.reel
def test_the_kilometre_cells_of_corsica_and_the_lot(real_data, today, tmp_path):
    territory = real_data / "territory"
    expected = pl.read_parquet(territory / "grid-1km-corse" / "grid_1km_corse_2015_full.parquet").drop("geometry")
    path = tmp_path / "corse.parquet"
    expected.drop("commune_2026", "departement").write_parquet(path)
    issues = IssueLog("territoires")
    made = grid.territory_cells(real_grid("carreaux_1km", path), *today, AS_THEY_COME, issues)
    placed = made[grid.CELLS]
    assert (placed.height, placed["ind"].sum(), len(issues)) == (2994, 270_859, 0)
    assert placed["men_pauv"].sum() == pytest.approx(25_482)
    # Another tool placed the centres; it left those off the coast without a commune.
    told = placed.join(expected.select(pl.col("Id_carr1km").alias("carreau_id"), "commune_2026"), on="carreau_id")
    assert told.filter(pl.col("commune_2026") == pl.col("commune")).height == 2861
    assert told.filter(pl.col("commune_2026").is_null())["rattachement"].unique().to_list() == [grid.NEAREST]

    centres = real_grid("carreaux_1km", territory / "grid-1km-lot46" / "pop.csv", population_seule=3035)
    placed = grid.territory_cells(centres, *today, AS_THEY_COME, issues)[grid.CELLS]
    assert placed.filter(pl.col("departement") == "46")["ind"].sum() == 166_914


@pytest.mark.reel
def test_the_200_m_cells_of_briancon_are_held_against_the_census(real_data, today, tmp_path):
    real = pl.read_parquet(
        real_data / "territory" / "grid-200m-briancon05" / "grid_200m_briancon_2015_2017.parquet",
        columns=["E", "N", "Ind_2017"],
    )
    path = tmp_path / "briancon.csv"
    real.select(pl.col("E").alias("x"), pl.col("N").alias("y"), pl.col("Ind_2017").alias("ind")).write_csv(path)
    issues = IssueLog("territoires")
    current, passages = today
    made = grid.territory_cells(
        real_grid("carreaux_200m", path, population_seule=3035), current, passages, AS_THEY_COME, issues
    )
    assert (made[grid.CELLS].height, len(issues)) == (986, 0)
    # Communes whose whole outline is in the tile.
    near = current.filter(pl.col("departement") == "05", pl.col("geometrie").is_not_null())
    outlines = shapely.transform(
        shapely.from_wkb(near["geometrie"].to_numpy()), lambda c: np.column_stack(crs.project(c[:, 0], c[:, 1], 3035))
    )
    whole = near["code"].filter(
        pl.Series(shapely.within(outlines, shapely.box(4_044_800, 2_406_400, 4_096_000, 2_457_600)))
    )
    control = made[grid.CONTROL].filter(pl.col("commune").is_in(whole.implode()))
    assert control.height == 12
    assert (control["population_carreaux"].sum(), control["population_legale"].sum()) == (19_813, 19_870)
    briancon = made[grid.CONTROL].row(by_predicate=pl.col("commune") == "05023", named=True)
    assert briancon["population_carreaux"] == 11_303.5
    assert briancon["rapport"] == pytest.approx(0.99, abs=0.01)
