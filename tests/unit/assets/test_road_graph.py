"""The graphs of a data root: made of the files in use, again only when those change, and never left half replaced."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assets.access import road_graph
from assets.access.network.profile import profiles
from assets.access.road_graph import GraphStore, RoadFile, density_classes, network_table, road_files
from assets.raw.ingest import SourceState, UsedFile
from pipeline.foundations.errors import SourceUnreadable
from quality.contract import all_contracts
from sources.registry import get_source
from tests.networks import rules, segments

CLASSES = pl.DataFrame({"code": ["38185"], "classe": ["dense"]})
MAINLAND, REUNION = 2154, 2975


class Roads:
    """Stands for the reader of road files: what each holds, and which were read."""

    def __init__(self) -> None:
        street = [[(0, 0), (1000, 0)]]
        self.held = {
            "d38": [segments(street)],
            "d73": [segments([[(1000, 0), (2000, 0)]]), segments([[(2000, 0), (3000, 0)]])],
            "d974": [segments(street, epsg=REUNION)],
            "local": [segments(street, epsg=REUNION)],
        }
        self.read: list[str] = []

    def segments(self, _path, resource, **_):
        self.read.append(resource)
        yield from self.held[resource]


@pytest.fixture
def roads(monkeypatch):
    known = Roads()
    monkeypatch.setattr(road_graph, "_SEGMENTS", {"bdtopo": known.segments, "osm": known.segments})
    return known


@pytest.fixture
def store(tmp_path):
    return GraphStore(tmp_path / "graphes", rules(composante_minimale=1))


def _file(resource, sha="a", epsg=MAINLAND):
    return RoadFile(resource, Path(f"{resource}.7z"), sha, epsg, 10**6)


def _make(store, *files, digest="1", mode="voiture"):
    return store.make(files or [_file("d38")], mode, licence="lov2", classes=CLASSES, classes_digest=digest)


def _names(store):
    return sorted(path.name for path in store.root.iterdir())


def test_a_graph_is_made_once_and_says_what_of(store, roads):
    files = [_file("d38", "a"), _file("d73", "b"), _file("d974", "c", REUNION)]
    made = _make(store, *files)
    assert roads.read == ["d38", "d73", "d974"]
    assert {epsg: graph.meta["bilan"]["longueur_m"] for epsg, graph in made.items()} == {
        MAINLAND: 3_000,
        REUNION: 1_000,
    }
    assert made[MAINLAND].edges == 1  # files of one system are one graph: roads meet at their border
    assert made[MAINLAND].meta["licence"] == "lov2"
    used = made[MAINLAND].meta["fichiers"]
    assert used == [{"ressource": "d38", "sha256": "a"}, {"ressource": "d73", "sha256": "b"}]
    again, loaded = _make(store, *files), store.load("voiture")
    assert len(roads.read) == 3
    for other in (again, loaded):
        assert set(other) == set(made)
        np.testing.assert_array_equal(other[MAINLAND].vertex_x, made[MAINLAND].vertex_x)
        assert other[MAINLAND].meta == made[MAINLAND].meta
    assert _names(store) == [f"voiture-{MAINLAND}", f"voiture-{REUNION}"]


def test_only_what_changed_is_made_again(store, roads):
    _make(store, _file("d38"), _file("d974", "c", REUNION))
    roads.read.clear()
    _make(store, _file("d38", "new"), _file("d974", "c", REUNION))
    assert roads.read == ["d38"]


@pytest.mark.parametrize(
    "change",
    [
        lambda store: _make(store, _file("d38", "other")),
        lambda store: _make(store, _file("d38"), _file("d73")),
        lambda store: _make(store, digest="2"),
        lambda store: _make(GraphStore(store.root, rules(composante_minimale=2))),
    ],
    ids=["a file", "one more file", "classes", "rules"],
)
def test_a_graph_is_made_again_when_what_it_is_made_of_changes(store, roads, change):
    _make(store)
    before = store.load("voiture")[MAINLAND].vertex_x.copy()
    change(store)
    assert roads.read[:2] == ["d38", "d38"]
    assert _names(store) == [f"voiture-{MAINLAND}"]
    assert store.load("voiture")[MAINLAND].vertex_x[: len(before)].tolist() == before.tolist()


def test_a_graph_is_made_again_when_the_code_changes(store, roads, monkeypatch):
    _make(store)
    monkeypatch.setattr(road_graph.fingerprint, "of_code", lambda: "new")
    _make(store)
    assert roads.read == ["d38", "d38"]


@pytest.mark.usefixtures("roads")
def test_modes_are_apart(store):
    _make(store)
    walked = _make(store, mode="pieton")
    assert _names(store) == [f"pieton-{MAINLAND}", f"voiture-{MAINLAND}"]
    assert walked[MAINLAND].meta["profil"] == "pieton"
    assert [store.load(mode)[MAINLAND].edge_along[0] for mode in ("voiture", "pieton")] == [100_000, 900_000]
    assert store.load("velo") == {}


def test_a_graph_being_read_is_not_changed_by_its_replacement(store, roads):
    old = _make(store)[MAINLAND]
    roads.held["d38"] = [segments([[(0, 0), (5_000, 0)]])]
    new = _make(store, _file("d38", "b"))[MAINLAND]
    assert (old.edge_length.tolist(), new.edge_length.tolist()) == ([100_000], [500_000])


@pytest.mark.usefixtures("roads")
def test_a_system_whose_files_are_gone_is_removed(store):
    _make(store, _file("d38"), _file("d974", "c", REUNION))
    _make(store, mode="pieton")
    assert set(_make(store, _file("d974", "c", REUNION))) == {REUNION}
    assert _names(store) == [f"pieton-{MAINLAND}", f"voiture-{REUNION}"]
    assert store.make([], "voiture", licence="lov2", classes=CLASSES, classes_digest="1") == {}
    assert _names(store) == [f"pieton-{MAINLAND}"]


@pytest.mark.usefixtures("roads")
def test_no_road_file_ever_is_no_graph(store):
    assert store.load("voiture") == {}
    assert store.make([], "voiture", licence="lov2", classes=CLASSES, classes_digest="1") == {}
    assert network_table({}).height == 0


@pytest.mark.usefixtures("roads")
def test_what_a_killed_run_left_is_swept(store):
    _make(store)
    for what in ("nouveau", "ancien"):
        left = store.root / f".voiture-{MAINLAND}.4242.{what}"
        left.mkdir()
        (left / "edge_u.npy").write_bytes(b"half")
    assert set(store.load("voiture")) == {MAINLAND}
    _make(store, _file("d38", "b"))
    assert _names(store) == [f"voiture-{MAINLAND}"]


@pytest.mark.usefixtures("roads")
def test_a_run_killed_between_the_two_renames_is_made_good(store):
    _make(store)
    folder = store.root / f"voiture-{MAINLAND}"
    folder.rename(store.root / f".voiture-{MAINLAND}.4242.ancien")
    assert store.load("voiture") == {}
    assert _make(store)[MAINLAND].edges == 1
    assert _names(store) == [folder.name]


def test_a_file_that_cannot_be_read_leaves_the_graph_there_was(store, roads):
    _make(store)
    roads.held["d38"] = [segments([[(0, 0), (1000, 0)]], en_service=False)]
    with pytest.raises(SourceUnreadable, match="1 segments read, none usable"):
        _make(store, _file("d38", "bad"))
    assert store.load("voiture")[MAINLAND].meta["fichiers"] == [{"ressource": "d38", "sha256": "a"}]
    assert _names(store) == [f"voiture-{MAINLAND}"]


@pytest.mark.parametrize(
    ("name", "content"), [("edge_u.npy", b""), ("graphe.json", b"{"), ("recette.json", b"{"), ("recette.json", None)]
)
def test_a_damaged_graph_is_made_again(store, roads, name, content):
    _make(store)
    file = store.root / f"voiture-{MAINLAND}" / name
    file.unlink() if content is None else file.write_bytes(content)
    assert _make(store)[MAINLAND].edges == 1
    assert roads.read == ["d38", "d38"]


@pytest.mark.usefixtures("roads")
def test_a_folder_without_recipe_is_no_graph(store):
    _make(store)
    (store.root / f"voiture-{MAINLAND}" / "recette.json").write_text(json.dumps([1]), encoding="utf-8")
    assert store.load("voiture") == {}


@pytest.mark.usefixtures("roads")
def test_what_a_graph_keeps_is_a_table(store):
    table = all_contracts()["access__reseau"].conform(
        network_table(_make(store, _file("d38"), _file("d974", "c", REUNION)))
    )
    assert table["epsg"].unique().sort().to_list() == [MAINLAND, REUNION]
    values = dict(table.filter(pl.col("epsg") == MAINLAND).select("mesure", "valeur").iter_rows())
    assert (values["troncons_lus"], values["troncons"], values["longueur_m"]) == (1, 1, 1_000)
    assert {"hors_mode", "doubles", "boucles", "sans_longueur", "composantes_ecartees"} <= set(values)


# Which files


def _state(**shas):
    now = datetime(2026, 11, 1, tzinfo=UTC)
    files = [
        UsedFile(
            ressource=resource, url="https://exemple.fr/", url_finale="https://exemple.fr/", sha256=sha, octets=1,
            date_telechargement=now, date_fichier=now,
        )
        for resource, sha in shas.items()
    ]  # fmt: skip
    return SourceState(id="bdtopo", etat="à jour", fichiers=tuple(files))


def test_the_files_in_use_and_the_system_of_each(roads):
    spec = get_source("bdtopo")
    shas = {"local": "e", "france": "d", "d974": "c", "d2a": "b", "d01": "a", "inconnue": "z"}
    found = road_files(spec, _state(**shas), {name: Path(f"/{name}.7z") for name in shas})
    assert [(f.resource, f.sha256, f.epsg) for f in found] == [
        (resource.id, shas[resource.id], {"d974": REUNION, "local": REUNION}.get(resource.id, MAINLAND))
        for resource in spec.resources
        if resource.id in shas
    ]
    assert len(found) == 5
    assert roads.read == ["local"]  # only where the name does not say it
    assert {f.max_unpacked for f in found if f.resource == "d01"} == {spec.resource("d01").max_unpacked_mb * 10**6}
    assert road_files(spec, _state(), {}) == []


def test_an_extract_of_openstreetmap_says_its_own_system(roads):
    spec = get_source("osm")
    resource = spec.resources[0].id
    roads.held[resource] = [segments([[(0, 0), (1000, 0)]], epsg=REUNION)]
    (file,) = road_files(spec, _state(**{resource: "o"}), {resource: Path("/extrait.osm.pbf")})
    assert (file.source, file.epsg, roads.read) == ("osm", REUNION, [resource])


def test_a_file_of_unknown_territory_that_holds_nothing_is_refused(roads):
    roads.held["local"] = []
    with pytest.raises(SourceUnreadable, match="road file local: expected segments; found none"):
        road_files(get_source("bdtopo"), _state(local="e"), {"local": Path("/local.7z")})


# Density


@pytest.mark.parametrize(
    ("population", "area", "expected"),
    [
        (0, 10.0, "tres_peu_dense"),
        (249, 10.0, "tres_peu_dense"),
        (250, 10.0, "peu_dense"),
        (3_000, 10.0, "intermediaire"),
        (14_999, 10.0, "intermediaire"),
        (15_000, 10.0, "dense"),
        (None, 10.0, None),
        (1_000, None, None),
    ],
)
def test_the_class_of_density_of_a_commune(population, area, expected):
    communes = pl.DataFrame({"code": ["38185"], "population": [population]}, schema_overrides={"population": pl.Int64})
    bounds = dict(reversed(profiles().densite.items()))  # in any order
    found = density_classes(communes, pl.Series([area], dtype=pl.Float64), bounds)
    assert found.rows() == [("38185", expected)]
