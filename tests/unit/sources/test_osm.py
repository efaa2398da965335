"""Roads of OSM extracts: tags, topology, hostile files, and two real extracts."""

import math
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import osmium
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import Geod

from pipeline.foundations.crs import unproject
from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.issues import ISSUE_SCHEMA
from sources.osm import read as osm
from sources.osm import segments, tags
from sources.osm.blocks import unpacked_size
from sources.reading import ReadResult
from sources.roads import CAR_ACCESS, SEGMENT_SCHEMA, SegmentBatch
from sources.spec import load_spec

SPEC = load_spec(Path(osm.__file__).parent / "source.yml")
CAP = 10_000_000
#: Nodes 1 to 9, 0.01 degree apart, eastwards from a point of the Hautes-Alpes.
NODES = {i: (6.5 + i / 100, 44.5) for i in range(1, 10)}

Ways = Mapping[int, tuple[Sequence[int], Mapping[str, str]]]
ROAD = {"highway": "residential"}


def write(path: Path, ways: Ways, nodes: Mapping[int, tuple[float, float]] = NODES) -> Path:
    with osmium.SimpleWriter(str(path), overwrite=True) as writer:
        for identifier, position in nodes.items():
            writer.add_node(osmium.osm.mutable.Node(id=identifier, location=position))
        for identifier, (refs, said) in ways.items():
            writer.add_way(osmium.osm.mutable.Way(id=identifier, nodes=list(refs), tags=dict(said)))
    return path


def one(path: Path) -> SegmentBatch:
    (batch,) = segments.segments(path, "local", max_unpacked=CAP)
    return batch


def ends(batch: SegmentBatch) -> list[tuple[str, int, int]]:
    return batch.frame.select("id", "noeud_debut", "noeud_fin").rows()


def read(path: Path) -> ReadResult:
    return osm.read({"local": path}, SPEC)


def rules(result: ReadResult) -> list[tuple[str, str, str]]:
    assert result.issues.schema == ISSUE_SCHEMA
    return result.issues.select("regle", "colonne", "valeur").rows()


# What tags mean


def way(**said: str) -> tags.Way:
    found = tags.interpret({"highway": "residential", **{k.replace("__", ":"): v for k, v in said.items()}})
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"highway": "motorway_link"}, "motorway_link"),
        ({"highway": "steps"}, "steps"),
        ({"route": "ferry"}, "ferry"),
        ({"route": "ferry", "highway": "service"}, "service"),
        ({"route": "ferry", "highway": "construction"}, None),
        ({"highway": "construction", "construction": "primary"}, None),
        ({"highway": "primary", "construction": "yes"}, None),
        ({"highway": "primary", "construction": "minor"}, "primary"),
        ({"highway": "residential", "abandoned": "yes"}, None),
        ({"highway": "pedestrian", "area": "yes"}, None),
        ({"highway": "platform"}, None),
        ({"route": "railway"}, None),
    ],
)
def test_which_ways_are_roads(said: dict[str, str], kind: str | None) -> None:
    assert tags.nature(said) == kind


@pytest.mark.parametrize(
    ("said", "sens", "velo"),
    [
        ({}, 0, None),
        ({"oneway": "yes"}, 1, None),
        ({"oneway": "true"}, 1, None),
        ({"oneway": "-1"}, -1, None),
        ({"oneway": "reverse"}, -1, None),
        ({"highway": "motorway"}, 1, None),
        ({"highway": "motorway", "oneway": "no"}, 0, None),
        ({"highway": "motorway_link"}, 0, None),
        ({"junction": "roundabout"}, 1, None),
        ({"junction": "circular"}, 1, None),
        ({"oneway": "yes", "oneway__bicycle": "no"}, 1, 0),
        ({"oneway": "yes", "oneway__bicycle": "yes"}, 1, None),
        ({"oneway": "no", "oneway__bicycle": "-1"}, 0, -1),
        ({"oneway": "yes", "cycleway": "opposite_lane"}, 1, 0),
        ({"oneway": "yes", "cycleway__left": "opposite"}, 1, 0),
        ({"cycleway": "opposite"}, 0, None),
    ],
)
def test_directions(said: dict[str, str], sens: int, velo: int | None) -> None:
    found = way(**said)
    assert (found.sens, found.sens_velo, found.faults) == (sens, velo, ())


@pytest.mark.parametrize("said", ["alternating", "reversible"])
def test_a_direction_that_changes_is_both_and_said(said: str) -> None:
    found = way(oneway=said, highway="motorway")
    assert (found.sens, found.faults) == (0, (tags.Fault("sens-changeant", "oneway", said),))


def test_an_unknown_direction_is_not_said() -> None:
    found = way(oneway="sometimes", junction="roundabout")
    assert (found.sens, found.faults) == (1, (tags.Fault("sens-illisible", "oneway", "sometimes"),))


@pytest.mark.parametrize(
    ("said", "car", "foot", "bicycle"),
    [
        ({}, "libre", None, None),
        ({"access": "private"}, "restreint", False, False),
        ({"access": "destination"}, "restreint", None, None),
        ({"access": "no", "foot": "yes"}, "impossible", True, False),
        ({"access": "private", "motorcar": "yes"}, "libre", False, False),
        ({"motor_vehicle": "no", "motorcar": "permit"}, "restreint", None, None),
        ({"vehicle": "no"}, "impossible", None, False),
        ({"vehicle": "no", "bicycle": "designated"}, "impossible", None, True),
        ({"motor_vehicle": "agricultural;forestry"}, "impossible", None, None),
        ({"bicycle": "use_sidepath"}, "libre", None, False),
        ({"toll": "yes"}, "péage", None, None),
        ({"toll": "yes", "access": "customers"}, "restreint", None, None),
        ({"highway": "trunk", "motorroad": "yes"}, "libre", False, False),
        ({"highway": "path"}, "impossible", None, None),
        ({"highway": "path", "motor_vehicle": "yes"}, "libre", None, None),
        ({"highway": "track"}, "libre", None, None),
        ({"access": "yes", "foot": "unknown"}, "libre", None, None),
    ],
)
def test_access(said: dict[str, str], car: str, foot: bool | None, bicycle: bool | None) -> None:
    found = way(**said)
    assert (found.acces_voiture, found.acces_pieton, found.acces_velo, found.faults) == (car, foot, bicycle, ())


def test_an_unknown_access_leaves_the_next_key() -> None:
    found = way(motor_vehicle="variable", access="private")
    assert (found.acces_voiture, found.prive) == ("restreint", True)
    assert found.faults == (tags.Fault("acces-illisible", "motor_vehicle", "variable"),)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("50", 50),
        ("30 mph", 48.28032),
        ("30mph", 48.28032),
        ("10 knots", 18.52),
        ("50 km/h", 50),
        ("50;30", 50),
        ("70|50", 70),
        ("FR:urban", 50),
        ("FR:rural", 80),
        ("FR:motorway", 130),
        ("FR:zone30", 30),
        ("FR:zone:20", 20),
        ("FR:30", 30),
        ("walk", 6),
        *[(text, None) for text in ("none", "", "999", "0", "-50", "FR:zone999", "1e9", "vite", "BE:rural", "５０")],
    ],
)
def test_speeds(text: str, value: float | None) -> None:
    assert tags.speed(text) == (value if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("01:30", 5400),
        ("1:05:30", 3930),
        ("45", 2700),
        ("PT1H30M", 5400),
        ("PT20M", 1200),
        ("P1DT2H", 93_600),
        *[(text, None) for text in ("", "0", "00:00", "01:75", "P", "PT", "999:00", "1h30", "-10", "P400D")],
    ],
)
def test_durations(text: str, value: float | None) -> None:
    assert tags.duration(text) == value


WORDS = st.text(max_size=12) | st.from_regex(r"[0-9FRurbanPTHMD:;. ]{0,12}", fullmatch=True)
SAID = st.sampled_from(["yes", "no", "private", "-1", "50", "FR:urban", "opposite", "01:30", "destination"])


@given(WORDS | st.integers().map(str))
def test_a_speed_or_a_duration_is_in_bounds_or_unknown(text: str) -> None:
    assert (value := tags.speed(text)) is None or 0 < value <= tags.MAX_SPEED
    assert (value := tags.duration(text)) is None or 0 < value <= tags.MAX_DURATION


@given(st.dictionaries(st.sampled_from(sorted(tags.KEYS)), WORDS | SAID), st.sampled_from(sorted(tags.HIGHWAYS)))
def test_no_tags_break_the_reader(said: dict[str, str], highway: str) -> None:
    found = tags.interpret({**said, "highway": highway})
    if found is not None:
        assert found.sens in (-1, 0, 1)
        assert found.sens_velo in (-1, 0, 1, None)
        assert found.acces_voiture in CAR_ACCESS
        assert found.niveau is None or abs(found.niveau) <= tags.MAX_LEVEL


def test_speed_is_unknown_and_said_when_absurd() -> None:
    found = way(maxspeed="999")
    assert (found.vitesse_kmh, found.faults) == (None, (tags.Fault("vitesse-illisible", "maxspeed", "999"),))
    assert way(maxspeed="none").faults == ()


def test_the_category_gives_the_speed_and_the_town() -> None:
    assert (way(maxspeed__type="FR:urban").vitesse_kmh, way(maxspeed__type="FR:urban").urbain) == (50, True)
    assert (way(source__maxspeed="sign").vitesse_kmh, way(source__maxspeed="sign").urbain) == (None, None)
    assert (way(maxspeed="70", source__maxspeed="FR:urban").vitesse_kmh, way(maxspeed="FR:rural").urbain) == (70, False)
    assert way(maxspeed="50").urbain is None


@pytest.mark.parametrize(
    ("said", "level"),
    [
        ({}, 0),
        ({"bridge": "viaduct"}, 1),
        ({"bridge": "no"}, 0),
        ({"tunnel": "yes"}, -1),
        ({"tunnel": "building_passage"}, 0),
        ({"layer": "-2", "bridge": "yes"}, -2),
        ({"layer": "99"}, 5),
        ({"layer": "-99"}, -5),
    ],
)
def test_levels(said: dict[str, str], level: int) -> None:
    assert (way(**said).niveau, way(**said).faults) == (level, ())


def test_an_unreadable_level_is_unknown() -> None:
    assert (way(layer="1;2").niveau, way(layer="1;2").faults[0].rule) == (None, "niveau-illisible")


# Where ways are cut


def test_ways_are_cut_where_they_meet(tmp_path: Path) -> None:
    """A main road, a street from its middle, a footpath across, and a platform that is no road."""
    path = write(
        tmp_path / "a.osm.pbf",
        {
            10: ([1, 2, 3, 4], {"highway": "primary", "maxspeed": "80"}),
            20: ([3, 5], ROAD),
            30: ([6, 2, 7], {"highway": "footway"}),
            40: ([1, 4], {"highway": "platform"}),
        },
    )
    batch = one(path)
    assert batch.frame.schema == SEGMENT_SCHEMA
    assert ends(batch) == [
        ("10-0", 1, 2),
        ("10-1", 2, 3),
        ("10-2", 3, 4),
        ("20-0", 3, 5),
        ("30-0", 6, 2),
        ("30-1", 2, 7),
    ]
    assert (batch.epsg, batch.offsets.tolist()) == (2154, [0, 2, 4, 6, 8, 10, 12])
    assert batch.frame["vitesse_kmh"].to_list() == [80, 80, 80, None, None, None]
    assert np.isnan(batch.z).all()
    expected = Geod(ellps="GRS80").inv(*NODES[1], *NODES[2])[2]
    assert segments.lengths(batch.xy, batch.offsets)[0] == pytest.approx(expected, rel=1e-3)


def test_a_node_between_two_crossings_is_only_a_vertex(tmp_path: Path) -> None:
    batch = one(write(tmp_path / "a.osm.pbf", {1: ([1, 2, 3], ROAD)}))
    assert (ends(batch), len(batch.xy)) == ([("1-0", 1, 3)], 3)


def test_loops(tmp_path: Path) -> None:
    """A way that closes, one that passes twice at a node, one that goes and comes back."""
    loops = {1: ([1, 2, 3, 1], ROAD), 2: ([4, 5, 6, 7, 5], ROAD), 3: ([8, 9, 8], ROAD)}
    batch = one(write(tmp_path / "a.osm.pbf", loops))
    assert ends(batch) == [("1-0", 1, 1), ("2-0", 4, 5), ("2-1", 5, 5), ("3-0", 8, 8)]
    assert np.diff(batch.offsets).tolist() == [4, 2, 4, 3]


def test_what_cannot_be_used_is_counted(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.osm.pbf",
        {
            1: ([1, 1, 2, 2, 2, 3], ROAD),  # nodes repeated in a row
            2: ([4], ROAD),  # one node
            3: ([5, 5], ROAD),  # the same twice
            4: ([], ROAD),
            5: ([6, 99, 7, 8], {"highway": "residential", "oneway": "alternating"}),  # 99 is outside the extract
            6: ([1, 90], {"highway": "residential", "maxspeed": "999"}),  # 90 is in London
            7: ([8, 9], {"highway": "construction"}),
        },
        {**NODES, 90: (-0.1, 53.5)},
    )
    batch = one(path)
    assert ends(batch) == [("1-0", 1, 3), ("5-0", 7, 8)]
    assert len(batch.xy) == 5
    result = read(path)
    assert result.read == 6
    assert result.tables["bilan"].schema == osm.SCHEMA
    assert result.tables["bilan"].select("ressource", "nature", "troncons").rows() == [("local", "residential", 2)]
    assert rules(result) == [
        ("voie-sans-longueur", "noeuds", "3"),
        ("noeud-repete", "noeuds", "4"),
        ("noeud-sans-position", "noeuds", "1"),
        ("noeud-hors-territoire", "noeuds", "1"),
        ("voie-coupee", "noeuds", "2"),
        ("voie-non-routiere", "highway", "1 : construction 1"),
        ("sens-changeant", "oneway", "1 : alternating 1"),
        ("vitesse-illisible", "maxspeed", "1 : 999 1"),
    ]


def test_a_way_met_twice_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "a.osm.pbf"
    with osmium.SimpleWriter(str(path)) as writer:
        for identifier, position in NODES.items():
            writer.add_node(osmium.osm.mutable.Node(id=identifier, location=position))
        for refs in ([1, 2, 3], [2, 3, 4]):
            writer.add_way(osmium.osm.mutable.Way(id=7, nodes=refs, tags=ROAD))
    assert ends(one(path)) == [("7-0", 1, 3)]
    assert rules(read(path)) == [("voie-double", "id", "1")]


def test_nodes_without_a_server_identifier_are_nowhere(tmp_path: Path) -> None:
    nodes = {-1: (6.5, 44.5), **NODES}
    assert ends(one(write(tmp_path / "a.osm.pbf", {1: ([-1, 1, 2], ROAD)}, nodes))) == [("1-0", 1, 2)]


def test_a_file_in_any_order(tmp_path: Path) -> None:
    """Ways before nodes, nodes backwards."""
    path = tmp_path / "a.osm.pbf"
    with osmium.SimpleWriter(str(path)) as writer:
        writer.add_way(osmium.osm.mutable.Way(id=7, nodes=[3, 1], tags=ROAD))
        for identifier in (3, 2, 1):
            writer.add_node(osmium.osm.mutable.Node(id=identifier, location=NODES[identifier]))
    batch = one(path)
    assert ends(batch) == [("7-0", 3, 1)]
    assert batch.xy[0, 0] > batch.xy[1, 0]


def test_a_ferry_shares_its_time_between_its_legs(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.osm.pbf",
        {
            1: ([1, 2, 4], {"route": "ferry", "duration": "00:30"}),
            2: ([2, 5], ROAD),
            3: ([6, 7, 99], {"route": "ferry", "duration": "00:30"}),  # of unknown length
            4: ([7, 8], {"route": "ferry", "duration": "bientôt"}),
        },
    )
    frame = one(path).frame
    assert frame["bac"].to_list() == [True, True, False, True, True]
    durations = frame["duree_s"].to_list()
    assert durations[:2] == [pytest.approx(600, rel=1e-4), pytest.approx(1200, rel=1e-4)]
    assert durations[2:] == [None, None, None]
    assert ("duree-illisible", "duration", "1 : bientôt 1") in rules(read(path))


@pytest.mark.parametrize(
    ("place", "epsg"),
    [
        ((7.42, 43.73), 2154),
        ((9.45, 42.70), 2154),
        ((-61.5, 16.2), 5490),
        ((-61.0, 14.6), 5490),
        ((-54.03, 5.5), 2972),
        ((55.5, -21.1), 2975),
        ((45.2, -12.8), 4471),
    ],
)
def test_the_system_is_that_of_the_place(tmp_path: Path, place: tuple[float, float], epsg: int) -> None:
    longitude, latitude = place
    nodes = {1: place, 2: (longitude + 0.01, latitude)}
    batch = one(write(tmp_path / "a.osm.pbf", {1: ([1, 2], ROAD)}, nodes))
    assert batch.epsg == epsg
    expected = Geod(ellps="GRS80").inv(*nodes[1], *nodes[2])[2]
    assert segments.lengths(batch.xy, batch.offsets)[0] == pytest.approx(expected, rel=3e-3)


def test_batches_are_the_file_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.osm.pbf", {i: ([i, i + 1], {"highway": "track"}) for i in range(1, 9)})
    whole = one(path)
    monkeypatch.setattr(segments, "BATCH", 3)
    parts = list(segments.segments(path, "local", max_unpacked=CAP))
    assert [p.frame.height for p in parts] == [3, 3, 2]
    assert pl.concat(p.frame for p in parts).equals(whole.frame)
    assert np.array_equal(np.concatenate([p.xy for p in parts]), whole.xy)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.integers(1, 12), max_size=6), min_size=1, max_size=6))
def test_segments_are_the_ways_cut_at_shared_nodes_only(tmp_path: Path, lists: list[list[int]]) -> None:
    """Whatever the ways: put end to end they are the ways again, and only ends may be shared. 10 to 12 are nowhere."""
    path = write(tmp_path / "p.osm.pbf", {n: (refs, ROAD) for n, refs in enumerate(lists, start=1)})
    cleaned = [[r for i, r in enumerate(refs) if i == 0 or r != refs[i - 1]] for refs in lists]
    uses = Counter(r for refs in cleaned for r in refs)
    links = [(a, b) for refs in cleaned for a, b in pairwise(refs) if max(a, b) < 10]
    if not any(r < 10 for refs in cleaned for r in refs):
        with pytest.raises(SourceUnreadable, match="found none"):
            list(segments.segments(path, "local", max_unpacked=CAP))
        return
    batches = list(segments.segments(path, "local", max_unpacked=CAP))
    found = []
    for batch in batches:
        node = {round(longitude, 2): i for i, (longitude, _) in NODES.items()}
        longitudes, _ = segments_in_degrees(batch)
        refs = [node[round(x, 2)] for x in longitudes]
        for start, end, (_, first, last) in zip(batch.offsets, batch.offsets[1:], ends(batch), strict=False):
            part = refs[start:end]
            assert (part[0], part[-1]) == (first, last)
            assert all(uses[r] == 1 for r in part[1:-1])
            found += list(pairwise(part))
    assert found == links
    assert len({i for b in batches for i in b.frame["id"]}) == sum(b.frame.height for b in batches)


def segments_in_degrees(batch: SegmentBatch) -> tuple[list[float], list[float]]:
    longitude, latitude = unproject(batch.xy[:, 0], batch.xy[:, 1], batch.epsg)
    return longitude.tolist(), latitude.tolist()


# Files that are not what they say


def sized(data: bytes) -> bytes:
    return bytes([len(data)]) if len(data) < 128 else bytes([len(data) & 0x7F | 0x80, len(data) >> 7])


def block(kind: bytes, blob: bytes) -> bytes:
    size = len(blob)
    header = b"\x0a" + sized(kind) + kind + b"\x18" + bytes([size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14])
    return len(header).to_bytes(4, "big") + header + blob


def header_block(path: Path) -> bytes:
    """The first block of a file that osmium wrote."""
    data = write(path, {1: ([1, 2], ROAD)}).read_bytes()
    length = int.from_bytes(data[:4], "big")
    return data[: 4 + length + data[3 + length]]  # its size, below 128, ends the header


def packed(data: bytes, *, declared: int) -> bytes:
    body = zlib.compress(data)
    sizes = bytes([declared & 0x7F | 0x80, declared >> 7])
    return b"\x10" + sizes + b"\x1a" + sized(body) + body


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "found an empty file"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "not PBF, or damaged"),
        (b"\x00\x00\x00\x05\x18\x01", "a block header of 5 bytes cut after 2"),
        (b"\x00\x00\x00\x02\x18\x01", "a block header without type or size"),
        (b"\x00\x00\x00\x03\x0a\xff\x01", "a field longer than its message"),
        (b"\x00\x00\x00\x02\x0f\x01", "a field of unknown wire type"),
        (b"\x00\x00\x00\x02\x18\xff", "a number cut or too long"),
        (block(b"OSMData", b"\x0a\x01x"), "a first block of type b'OSMData'"),
        (block(b"OSMHeader", b"\x1a\x01x"), "a block that does not say its unpacked size"),
    ],
)
def test_what_is_no_pbf_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "bad.osm.pbf"
    path.write_bytes(data)
    with pytest.raises(SourceUnreadable) as error:
        list(segments.segments(path, "local", max_unpacked=CAP))
    assert message in str(error.value)
    assert "expected a whole .osm.pbf file" in str(error.value)


def test_a_cut_file_is_refused_wherever_the_cut(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.osm.pbf", {1: ([1, 2, 3], ROAD)}).read_bytes()
    between = 0
    for size in range(len(whole)):
        (tmp_path / "bad.osm.pbf").write_bytes(whole[:size])
        with pytest.raises(SourceUnreadable) as error:
            list(segments.segments(tmp_path / "bad.osm.pbf", "local", max_unpacked=CAP))
        between += "cut after" not in str(error.value)
    assert between == 3  # before each of the blocks: header, nodes, ways


def test_a_file_over_its_cap_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.osm.pbf", {1: ([1, 2, 3], ROAD)})
    size = unpacked_size(path, max_unpacked=CAP)
    assert unpacked_size(path, max_unpacked=size) == size
    with pytest.raises(
        SourceUnreadable, match=f"expected at most {size - 1} bytes once unpacked; found more, at block"
    ):
        list(segments.segments(path, "local", max_unpacked=size - 1))


def test_a_block_larger_than_it_says_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.osm.pbf"
    path.write_bytes(header_block(tmp_path / "a.osm.pbf") + block(b"OSMData", packed(bytes(5_000_000), declared=200)))
    assert unpacked_size(path, max_unpacked=CAP) < 1000
    with pytest.raises(SourceUnreadable, match="what osmium calls: failed to uncompress data"):
        list(segments.segments(path, "local", max_unpacked=CAP))


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_noise_after_a_header_is_refused_or_empty(tmp_path: Path, noise: bytes) -> None:
    path = tmp_path / "bad.osm.pbf"
    path.write_bytes(header_block(tmp_path / "a.osm.pbf") + block(b"OSMData", packed(noise, declared=len(noise) or 1)))
    with pytest.raises(SourceUnreadable):
        list(segments.segments(path, "local", max_unpacked=CAP))


@pytest.mark.parametrize(
    ("ways", "nodes", "message"),
    [
        ({}, NODES, "expected roads; found none"),
        ({1: ([1, 2], {"highway": "platform"})}, NODES, "expected roads; found none"),
        ({1: ([1, 2], ROAD)}, {1: (-0.1, 53.5), 2: (-0.2, 53.5)}, "found none of its roads there"),
        ({1: ([98, 99], ROAD)}, NODES, "found none of its roads there"),
        (
            {1: ([1, 2], ROAD), 2: ([3, 4], ROAD)},
            {1: (6.5, 44.5), 2: (6.6, 44.5), 3: (55.5, -21.1), 4: (55.6, -21.1)},
            "found roads in EPSG:2154 and EPSG:2975. Remedy: use the extract of one region",
        ),
    ],
)
def test_an_extract_of_nothing_usable_is_refused(
    tmp_path: Path, ways: Ways, nodes: Mapping[int, tuple[float, float]], message: str
) -> None:
    with pytest.raises(SourceUnreadable) as error:
        read(write(tmp_path / "a.osm.pbf", ways, nodes))
    assert message in str(error.value)
    assert "local (a.osm.pbf)" in error.value.subject


def test_one_way_of_nothing_gives_no_batch(tmp_path: Path) -> None:
    path = write(tmp_path / "a.osm.pbf", {1: ([1], ROAD)})
    assert list(segments.segments(path, "local", max_unpacked=CAP)) == []
    assert read(path).tables["bilan"].is_empty()


def test_a_file_of_history_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.osh.pbf"
    write(path, {1: ([1, 2], ROAD)})
    with pytest.raises(SourceUnreadable, match="found a file of history"):
        list(segments.segments(path, "local", max_unpacked=CAP))


def test_too_many_references_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "MAX_REFERENCES", 2)
    with pytest.raises(SourceUnreadable, match="found more than 2 references to nodes"):
        one(write(tmp_path / "a.osm.pbf", {1: ([1, 2, 3], ROAD)}))


def test_a_full_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr(segments.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(SourceUnreadable, match="set TMPDIR to a folder with more room"):
        one(write(tmp_path / "a.osm.pbf", {1: ([1, 2, 3], ROAD)}))


# The declaration


def test_every_resource_is_read_on_its_own(tmp_path: Path) -> None:
    files = {
        "corse": write(tmp_path / "a.osm.pbf", {1: ([1, 2], ROAD)}, {1: (9.0, 42.0), 2: (9.1, 42.0)}),
        "reunion": write(tmp_path / "b.osm.pbf", {1: ([1, 2], ROAD)}, {1: (55.5, -21.1), 2: (55.6, -21.1)}),
    }
    frame = osm.read(files, SPEC).tables["bilan"]
    assert frame.select("ressource", "troncons").rows() == [("corse", 1), ("reunion", 1)]
    assert frame["longueur_km"].to_list() == [pytest.approx(8.28, abs=0.05), pytest.approx(10.39, abs=0.05)]


def test_the_declaration_says_the_licence_and_asks_for_nothing() -> None:
    assert (SPEC.licence.id, SPEC.imported, SPEC.required) == ("odc-odbl", True, False)
    assert "OpenStreetMap" in SPEC.licence.attribution
    assert all(r.optional and r.filename.endswith(".osm.pbf") and r.max_unpacked_mb for r in SPEC.resources)
    assert len(SPEC.resources) == 29


# Real extracts

CAR_NATURES = ("motorway", "trunk", "primary", "secondary", "tertiary", "unclassified", "residential", "service")


@pytest.fixture(params=["andorra", "monaco"])
def extract(request: pytest.FixtureRequest, real_data: Path) -> Path:
    return real_data / "roads" / "osm-extracts" / f"{request.param}.osm.pbf"


@pytest.mark.reel
def test_lengths_are_those_of_an_independent_reading(extract: Path) -> None:
    """Osmium's own geometries, measured on the ellipsoid by another library."""
    geod = Geod(ellps="GRS80")
    expected: Counter[str] = Counter()
    reader = osmium.FileProcessor(extract).with_locations().with_filter(osmium.filter.KeyFilter("highway"))
    for item in reader:
        if item.is_way() and item.tags["highway"] in CAR_NATURES and item.tags.get("area") != "yes":
            places = [(n.lon, n.lat) for n in item.nodes if n.location.valid()]
            expected[item.tags["highway"]] += geod.line_length(*zip(*places, strict=True))
    found = dict(osm.read({"local": extract}, SPEC).tables["bilan"].select("nature", "longueur_km").iter_rows())
    assert sum(expected.values()) > 50_000
    for kind, metres in expected.items():
        assert found[kind] * 1000 == pytest.approx(metres, rel=2e-3), kind


@pytest.mark.reel
def test_ends_are_shared_if_and_only_if_ways_share_their_nodes(extract: Path) -> None:
    """By plain dictionaries: a node ends segments iff it ends a way or is used twice."""
    lists = {
        item.id: [n.ref for n in item.nodes]
        for item in osmium.FileProcessor(extract, osmium.osm.WAY)
        if tags.nature({t.k: t.v for t in item.tags}) is not None
    }
    uses = Counter(ref for refs in lists.values() for ref in refs)
    cuts = {ref for refs in lists.values() for ref in (refs[0], refs[-1])} | {r for r, n in uses.items() if n > 1}
    batch = one(extract)
    touched: Counter[int] = Counter(batch.frame["noeud_debut"].to_list() + batch.frame["noeud_fin"].to_list())
    assert set(touched) == cuts
    assert batch.frame.height == sum(sum(r in cuts for r in refs[1:]) for refs in lists.values())
    # One node is one place, and one place (to the centimetre) is one node but for doubles of the map itself.
    places: dict[int, set[tuple[int, int]]] = {}
    first, last = batch.offsets[:-1], batch.offsets[1:] - 1
    for column, rows in (("noeud_debut", first), ("noeud_fin", last)):
        for node, xy in zip(batch.frame[column], np.round(batch.xy[rows] * 100).astype(int).tolist(), strict=True):
            places.setdefault(node, set()).add(tuple(xy))
    assert all(len(p) == 1 for p in places.values())


@pytest.mark.reel
def test_real_extracts_are_read_without_surprise(extract: Path) -> None:
    result = osm.read({"local": extract}, SPEC)
    assert {rule for rule, _, _ in rules(result)} <= {"voie-non-routiere"}
    assert result.read == {"andorra": 1612, "monaco": 860}[extract.name.split(".")[0]]
    batch = one(extract)
    speeds = batch.frame["vitesse_kmh"].drop_nulls()
    assert len(speeds) > 10
    assert 20 <= speeds.min() <= speeds.max() <= 90
    assert math.isfinite(batch.xy.sum())
