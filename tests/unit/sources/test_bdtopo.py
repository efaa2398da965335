"""BD TOPO roads: three spellings, three packings, one vocabulary; and what hostile or broken files become."""

import io
import shutil
import sqlite3
import struct
import zipfile
import zlib

import numpy as np
import polars as pl
import py7zr
import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.issues import IssueLog
from sources.bdtopo import segments as module
from sources.bdtopo.account import Account
from sources.bdtopo.read import read
from sources.bdtopo.segments import lengths, segments
from sources.bdtopo.words import attributes
from sources.registry import get_source
from sources.roads import CAR_ACCESS, SEGMENT_SCHEMA

SPEC = get_source("bdtopo")
CAP = 50_000_000
X, Y = 900_000.0, 6_450_000.0
ROAD = {
    "nature": "Route à 1 chaussée",
    "importance": "4",
    "fictif": "false",
    "position_par_rapport_au_sol": "0",
    "etat_de_l_objet": "En service",
    "prive": "false",
    "sens_de_circulation": "Double sens",
    "urbain": "true",
    "vitesse_moyenne_vl": 40,
    "acces_vehicule_leger": "Libre",
    "acces_pieton": None,
    "insee_commune_gauche": "38421",
    "insee_commune_droite": "38421",
}
SHORT = {
    "nature": "NATURE",
    "importance": "IMPORTANCE",
    "fictif": "FICTIF",
    "position_par_rapport_au_sol": "POS_SOL",
    "etat_de_l_objet": "ETAT",
    "prive": "PRIVE",
    "sens_de_circulation": "SENS",
    "urbain": "URBAIN",
    "vitesse_moyenne_vl": "VIT_MOY_VL",
    "acces_vehicule_leger": "ACCES_VL",
    "acces_pieton": "ACCES_PED",
    "insee_commune_gauche": "INSEECOM_G",
    "insee_commune_droite": "INSEECOM_D",
}
ROAD_V2 = {
    "NATURE": "Route à 1 chaussée",
    "IMPORTANCE": "4",
    "FICTIF": "Non",
    "FRANCHISST": "NC",
    "POS_SOL": 0,
    "SENS": "Double",
    "ETAT": "NR",
    "INSEECOM_G": "38421",
    "INSEECOM_D": "NR",
}
PATH_V2 = {"NATURE": "Sentier", "FRANCHISST": "NC", "POS_SOL": 0}


def line(n, *, z=200.0, length=100.0):
    """The n-th line, 100 m long."""
    return shapely.LineString([(X, Y + 10 * n, z), (X + length / 2, Y + 10 * n, z), (X + length, Y + 10 * n, z)])


def write(path, rows, *, key="cleabs", layer="troncon_de_route", crs="EPSG:2154", geometry="Unknown", **options):
    """A layer; each row is (id, geometry, columns)."""
    columns = {key: [r[0] for r in rows]}
    for name in rows[0][2] if rows else ROAD:
        columns[name] = [r[2][name] for r in rows]
    fields = {
        n: np.array(v, dtype=object if any(isinstance(i, str | None) for i in v) else None) for n, v in columns.items()
    }
    pyogrio.raw.write(
        path,
        geometry=np.array([g if isinstance(g, bytes | None) else shapely.to_wkb(g) for _, g, _ in rows], dtype=object),
        field_data=list(fields.values()),
        fields=list(fields),
        geometry_type=geometry,
        crs=crs,
        layer=layer,
        **options,
    )
    return path


def roads(*changes):
    return [(f"TRONROUT{i:016d}", line(i), {**ROAD, **change}) for i, change in enumerate(changes)]


@pytest.fixture
def gpkg(tmp_path):
    def make(rows, **options):
        return write(tmp_path / "troncon_de_route.gpkg", rows, **options)

    return make


def shapefiles(folder, layers, **options):
    folder.mkdir(parents=True, exist_ok=True)
    for layer, rows in layers.items():
        write(
            folder / f"{layer}.shp",
            rows,
            key="ID",
            layer=layer,
            geometry="LineString Z",
            driver="ESRI Shapefile",
            **options,
        )
    return folder


def zipped(path, folder, **more):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"A_RESEAU/{file.name}")
        for name, content in more.items():
            archive.writestr(name.replace("__", "."), content)
    return path


def load(path, account=None):
    batches = list(segments(path, "local", max_unpacked=CAP, account=account))
    return pl.concat([b.frame for b in batches]), batches


def problems(path):
    issues = read({"local": path}, SPEC).issues
    return dict(issues.select("regle", "motif").iter_rows())


# --- the vocabulary ----------------------------------------------------------------------------------------------


def test_version_3(gpkg):
    path = gpkg(
        roads(
            {},
            {
                "sens_de_circulation": "Sens direct",
                "acces_vehicule_leger": "A péage",
                "position_par_rapport_au_sol": "1",
            },
            {"sens_de_circulation": "Sens inverse", "acces_pieton": "Restreint aux ayants droit", "urbain": "false"},
            {"sens_de_circulation": "Sans objet", "nature": "Sentier", "vitesse_moyenne_vl": 0, "importance": "6"},
            {"nature": "Bac ou liaison maritime", "vitesse_moyenne_vl": 5, "importance": "5", "acces_pieton": "Libre"},
            {"etat_de_l_objet": "En projet", "vitesse_moyenne_vl": 0, "position_par_rapport_au_sol": "Gué ou radier"},
            {
                "acces_vehicule_leger": "Physiquement impossible",
                "vitesse_moyenne_vl": 0,
                "insee_commune_gauche": "2A004",
            },
            {"acces_vehicule_leger": "Restreint aux ayants droit", "vitesse_moyenne_vl": 0, "prive": "true"},
        )
    )
    frame, (batch,) = load(path)
    assert frame.schema == SEGMENT_SCHEMA
    assert frame["id"][0] == "TRONROUT0000000000000000"
    assert frame["sens"].to_list() == [0, 1, -1, 0, 0, 0, 0, 0]
    assert frame["vitesse_kmh"].to_list() == [40, 40, 40, 0, 5, 0, 0, 0]
    assert frame["acces_voiture"].to_list() == ["libre", "péage", *["libre"] * 4, "impossible", "restreint"]
    assert set(frame["acces_voiture"]) == set(CAR_ACCESS)
    assert frame["acces_pieton"].to_list() == [None, None, False, None, True, None, None, None]
    assert frame["bac"].to_list() == [i == 4 for i in range(8)]
    assert frame["en_service"].to_list() == [i != 5 for i in range(8)]
    assert frame["niveau"].to_list() == [0, 1, 0, 0, 0, 0, 0, 0]
    assert frame["urbain"].to_list() == [True, True, False, *[True] * 5]
    assert frame["prive"].to_list() == [False] * 7 + [True]
    assert frame["commune_gauche"][6] == "2A004"
    for name in ("sens_velo", "acces_velo", "duree_s", "noeud_debut", "noeud_fin"):
        assert frame[name].null_count() == 8
    assert batch.epsg == 2154
    assert lengths(batch) == pytest.approx([100] * 8)
    assert (batch.z == 200).all()


@pytest.mark.parametrize(
    ("change", "speed", "rule"),
    [
        ({"vitesse_moyenne_vl": None}, None, "vitesse-absente"),
        ({"vitesse_moyenne_vl": 0}, None, "vitesse-nulle"),
        ({"vitesse_moyenne_vl": 1}, None, "vitesse-nulle"),
        ({"vitesse_moyenne_vl": -5}, None, "vitesse-absurde"),
        ({"vitesse_moyenne_vl": 900}, None, "vitesse-absurde"),
        ({"vitesse_moyenne_vl": None, "nature": "Sentier"}, 0, None),
        ({"vitesse_moyenne_vl": 1, "nature": "Chemin"}, 0, None),
        ({"vitesse_moyenne_vl": 0, "importance": "6"}, 0, None),
        ({"vitesse_moyenne_vl": 0, "acces_vehicule_leger": "Restreint aux ayants droit"}, 0, None),
        ({"vitesse_moyenne_vl": 0, "etat_de_l_objet": "En construction"}, 0, None),
    ],
)
def test_speed_is_zero_where_no_car_drives_and_null_where_unknown(gpkg, change, speed, rule):
    path = gpkg(roads(change, {"vitesse_moyenne_vl": 90}))
    frame, _ = load(path)
    assert frame["vitesse_kmh"].to_list() == [speed, 90]
    assert list(problems(path)) == ([rule] if rule else [])


def test_words_not_known_are_kept_or_null_and_counted(gpkg):
    path = gpkg(
        roads(
            {"nature": "Téléphérique"},
            {"nature": "Téléphérique", "sens_de_circulation": "Alterné"},
            {"nature": None, "acces_vehicule_leger": "Sur rendez-vous"},
            {"etat_de_l_objet": "Rêvé", "insee_commune_gauche": "Paris", "position_par_rapport_au_sol": "haut"},
        )
    )
    frame, _ = load(path)
    assert frame["nature"].to_list() == ["Téléphérique", "Téléphérique", None, "Route à 1 chaussée"]
    assert frame["sens"].to_list() == [0] * 4
    assert frame["acces_voiture"].to_list() == ["libre", "libre", None, "libre"]
    assert frame["en_service"].to_list() == [True, True, True, False]
    assert frame["commune_gauche"][3] is None
    assert frame["niveau"][3] is None
    rows = read({"local": path}, SPEC).issues.select("colonne", "valeur", "regle").rows()
    assert ("nature", "Téléphérique", "nature-inconnue") in rows
    assert ("nature", "", "nature-absente") in rows
    assert {(c, v) for c, v, rule in rows if rule == "valeur-inconnue"} == {
        ("sens_de_circulation", "Alterné"),
        ("acces_vehicule_leger", "Sur rendez-vous"),
        ("etat_de_l_objet", "Rêvé"),
        ("insee_commune_gauche", "Paris"),
        ("position_par_rapport_au_sol", "haut"),
    }
    assert "2 tronçon(s), par exemple TRONROUT0000000000000000" in problems(path)["nature-inconnue"]


def test_shapefiles_of_version_3_say_the_same(gpkg, tmp_path):
    rows = roads({}, {"sens_de_circulation": "Sens direct", "nature": "Route empierrée", "vitesse_moyenne_vl": 10})
    short = [(i, g, {SHORT[k]: v for k, v in columns.items()}) for i, g, columns in rows]
    folder = shapefiles(tmp_path / "shp", {"TRONCON_DE_ROUTE": short}, encoding="UTF-8")
    one, _ = load(gpkg(rows))
    other, (batch,) = load(zipped(tmp_path / "a.zip", folder))
    assert one.equals(other)
    assert batch.epsg == 2154


def test_version_2(tmp_path):
    routes = [
        {},
        {"NATURE": "Quasi-autoroute", "SENS": "Direct", "IMPORTANCE": "1", "ETAT": "En service"},
        {"NATURE": "Autoroute", "SENS": "Inverse", "ETAT": "En construction"},
        {"NATURE": "Bac auto"},
        {"NATURE": "Bac piéton", "IMPORTANCE": "NC"},
        {"FRANCHISST": "Bac", "SENS": "NR"},
    ]
    rows = [(f"R{i}", line(i), {**ROAD_V2, **c}) for i, c in enumerate(routes)]
    paths = [("C1", line(20), PATH_V2), ("C2", line(21, z=-1.7e38), {**PATH_V2, "NATURE": "Escalier", "POS_SOL": 1})]
    folder = shapefiles(tmp_path / "v2", {"ROUTE_SECONDAIRE": rows, "CHEMIN": paths}, encoding="ISO-8859-1")
    for file in folder.glob("*.cpg"):
        file.unlink()
    account = Account(IssueLog("bdtopo"))
    frame, batches = load(zipped(tmp_path / "v2.zip", folder), account)
    assert account.generations == ["v2_chemin", "v2"]
    assert len(account.issues) == 0
    assert frame["id"].to_list() == ["C1", "C2", *[f"R{i}" for i in range(6)]]
    ferry = "Bac ou liaison maritime"
    assert frame["nature"].to_list() == [
        "Sentier", "Escalier", "Route à 1 chaussée", "Type autoroutier", "Type autoroutier", ferry, ferry, ferry,
    ]  # fmt: skip
    assert frame["bac"].to_list() == [False] * 5 + [True] * 3
    assert frame["sens"].to_list() == [0, 0, 0, 1, -1, 0, 0, 0]
    assert frame["en_service"].to_list() == [True, True, True, True, False, True, True, True]
    assert frame["vitesse_kmh"].null_count() == 8
    assert frame["acces_voiture"].to_list() == [None] * 6 + ["impossible", None]
    assert frame["importance"].to_list() == [None, None, 4, 1, 4, 4, None, 4]
    assert frame["commune_droite"].null_count() == 8
    assert np.isnan(batches[0].z[3:]).all()
    assert (batches[0].z[:3] == 200).all()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"cleabs": st.text(max_size=9), **{name: st.none() | st.text(max_size=9) for name in ROAD}}
        ),
        min_size=1,
        max_size=8,
    )
)
def test_whatever_the_words_a_batch_is_in_the_vocabulary(rows):
    features = pl.DataFrame(rows, schema=dict.fromkeys(rows[0], pl.String), orient="row")
    frame = attributes(features, "v3", Account(IssueLog("bdtopo")))
    assert frame.schema == SEGMENT_SCHEMA
    assert frame["sens"].is_in([-1, 0, 1]).all()
    assert frame["vitesse_kmh"].drop_nulls().is_between(0, 150).all()
    assert set(frame["acces_voiture"].drop_nulls()) <= set(CAR_ACCESS)
    assert frame["commune_gauche"].drop_nulls().str.len_chars().eq(5).all()


# --- geometries --------------------------------------------------------------------------------------------------


def test_what_cannot_be_used_is_set_aside_and_counted(gpkg):
    far = shapely.LineString([(X + 5e6, Y), (X + 5e6, Y + 10)])
    geometries = {
        "absente": None,
        "vide": shapely.LineString(),
        "point": shapely.Point(X, Y),
        "nulle": line(3, length=0),
        "loin": far,
        "infinie": shapely.from_wkb(shapely.to_wkb(shapely.LineString([(X, Y), (np.inf, Y)]))),
        "bonne": line(6),
        "boucle": shapely.LineString([(X, Y), (X + 9, Y), (X, Y + 9), (X, Y)]),
        "multiple": shapely.MultiLineString([[(X, Y), (X + 1, Y)], [(X, Y), (X, Y)], [(X, Y + 5), (X, Y + 9)]]),
        "plate": shapely.force_2d(line(9)),
    }
    rows = [(name, g, ROAD) for name, g in geometries.items()]
    rows += [
        ("bonne", line(30), ROAD),
        (None, line(31), ROAD),
        *[(f"de plus {i}", line(40 + i), ROAD) for i in range(9)],
    ]
    path = gpkg(rows)
    frame, (batch,) = load(path)
    assert frame["id"].to_list()[:5] == ["bonne", "boucle", "multiple", "multiple#3", "plate"]
    assert frame.height == 14
    z = np.split(batch.z, batch.offsets[1:-1])
    assert [np.isnan(part).all() for part in z[:5]] == [False, True, True, True, True]
    counts = {rule: text.rpartition(" tronçon(s)")[0].rpartition(" ")[2] for rule, text in problems(path).items()}
    assert counts == {
        "geometrie-absente": "2",
        "geometrie-autre": "1",
        "longueur-nulle": "2",
        "hors-territoire": "1",
        "geometrie-illisible": "1",
        "identifiant-double": "1",
        "identifiant-absent": "1",
    }
    result = read({"local": path}, SPEC)
    assert result.read == len(rows)
    assert result.tables["bilan"]["troncons"].sum() == 14


def test_altitudes_that_mean_none_are_nan(gpkg):
    rows = [(str(i), line(i, z=z), ROAD) for i, z in enumerate((-1000.0, 9999.0, -1.7e38, 0.0, 4_800.0))]
    _, (batch,) = load(gpkg(rows))
    assert np.isnan(batch.z[::3]).tolist() == [True, True, True, False, False]


def test_batches_follow_each_other_and_a_double_is_seen_across_them(gpkg, monkeypatch):
    monkeypatch.setattr(module, "_BATCH", 3)
    rows = roads(*[{}] * 8)
    rows.append((rows[1][0], line(50), ROAD))
    frame, batches = load(gpkg(rows))
    assert [b.frame.height for b in batches] == [3, 3, 2]
    assert frame["id"].is_unique().all()


def test_the_table_counts_kinds_and_kilometres(gpkg):
    path = gpkg(roads({}, {}, {"importance": None}, {"nature": "Bretelle"}))
    result = read({"d38": path, "local": path}, SPEC)
    assert result.generation == "v3"
    assert result.tables["bilan"].filter(pl.col("ressource") == "d38").rows() == [
        ("d38", "Bretelle", 4, 1, 0.1),
        ("d38", "Route à 1 chaussée", None, 1, 0.1),
        ("d38", "Route à 1 chaussée", 4, 2, 0.2),
    ]
    assert result.tables["bilan"]["ressource"].to_list() == ["d38"] * 3 + ["local"] * 3


# --- refusals ----------------------------------------------------------------------------------------------------


def refused(path, message, **options):
    with pytest.raises(SourceUnreadable, match=message) as caught:
        list(segments(path, "local", max_unpacked=options.pop("cap", CAP)))
    return str(caught.value)


def test_a_whole_delivery_is_searched_for_its_layer(gpkg):
    path = gpkg(roads({}))
    write(path, roads({}, {}), layer="batiment", append=True)
    assert load(path)[0].height == 1


def test_bad_layer(gpkg):
    refused(gpkg(roads({}), layer="batiment"), "expected a layer troncon_de_route; found batiment")


def test_bad_empty_layer(gpkg):
    refused(gpkg([]), "found no feature")


def test_bad_view_is_not_run(gpkg):
    path = gpkg(roads({}), layer="autre")
    with sqlite3.connect(path) as database:
        database.execute("CREATE VIEW troncon_de_route AS SELECT * FROM autre")
        database.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, srs_id) VALUES ('troncon_de_route', 'features', 2154)"
        )
    database.close()
    refused(path, "expected a layer troncon_de_route; found autre")


def test_bad_missing_column(gpkg):
    rows = [(i, g, {k: v for k, v in c.items() if k != "urbain"}) for i, g, c in roads({})]
    refused(gpkg(rows), r"source bdtopo \(v3\): expected column\(s\) urbain")


def test_a_column_not_declared_is_reported(gpkg):
    path = gpkg([(i, g, {**c, "couleur": "bleu"}) for i, g, c in roads({})])
    assert read({"local": path}, SPEC).issues.select("colonne", "regle").rows() == [("couleur", "colonne-inconnue")]


def test_bad_unknown_system_unless_it_is_told(tmp_path):
    folder = shapefiles(tmp_path / "v2", {"ROUTE_PRIMAIRE": [("R1", line(1), ROAD_V2)]}, encoding="ISO-8859-1")
    (folder / "ROUTE_PRIMAIRE.prj").write_bytes(b"")
    refused(zipped(tmp_path / "a.zip", folder), "an empty or absent .prj. Remedy: import it with --epsg")
    frame, (batch,) = load(zipped(tmp_path / "b.zip", folder, epsg__txt="2154\n"))
    assert (frame.height, batch.epsg) == (1, 2154)
    refused(zipped(tmp_path / "c.zip", folder, epsg__txt="4326"), "expected one of 2154.*found 4326")


def test_bad_system_told_against_the_file(tmp_path):
    folder = shapefiles(tmp_path / "v2", {"ROUTE_PRIMAIRE": [("R1", line(1), ROAD_V2)]}, encoding="ISO-8859-1")
    refused(zipped(tmp_path / "a.zip", folder, epsg__txt="2975"), "EPSG:2975; found EPSG:2154 in the file")


@pytest.mark.parametrize(
    ("crs", "message"),
    [
        ("EPSG:4326", "found degrees"),
        ("EPSG:3857", "expected one of the systems"),
        ("EPSG:27572", "one of the systems"),
    ],
)
def test_bad_system(gpkg, crs, message):
    refused(gpkg(roads({}), crs=crs), message)


@pytest.mark.parametrize("crs", ["EPSG:5698", "EPSG:9794", "IGNF:LAMB93"])
def test_other_names_of_lambert_93(gpkg, crs):
    assert load(gpkg(roads({}), crs=crs))[1][0].epsg == 2154


def test_overseas(gpkg):
    shape = shapely.LineString([(340_000, 7_650_000), (340_100, 7_650_000)])
    assert load(gpkg([("a", shape, ROAD)], crs="EPSG:2975"))[1][0].epsg == 2975


def test_bad_coordinates_are_not_those_of_the_system(gpkg):
    shape = shapely.LineString([(5.72, 45.18), (5.73, 45.18)])
    assert "1 set aside (hors-territoire)" in refused(gpkg([("a", shape, ROAD)]), "0 kept")


def test_bad_web_page(tmp_path):
    page = tmp_path / "d05.gpkg"
    page.write_bytes(b"<!DOCTYPE html><html><title>Maintenance</title></html>")
    refused(page, r"found a web page \(HTML\)")


def test_bad_other_files(tmp_path):
    for name, content, message in (
        ("vide", b"", "an empty file"),
        ("texte", b"cleabs;nature", "starts with b'cleabs;n'"),
        ("zip", b"PK\x03\x04rien", "damaged bytes"),
        ("7z", b"7z\xbc\xaf\x27\x1c" + bytes(40), "damaged bytes"),
        ("sqlite", b"SQLite format 3\0" + bytes(200), "damaged bytes|no layer"),
    ):
        file = tmp_path / name
        file.write_bytes(content)
        refused(file, message)


@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_bad_truncated_geopackage(gpkg, kept):
    path = gpkg(roads(*[{}] * 300))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    refused(path, "cut short")


def test_bad_damaged_geopackage(gpkg):
    path = gpkg(roads(*[{}] * 2000))
    content = bytearray(path.read_bytes())
    content[len(content) // 3 : -20_000] = bytes(len(content) - 20_000 - len(content) // 3)
    path.write_bytes(content)
    refused(path, "damaged|features")


def seven(path, members):
    with py7zr.SevenZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writef(io.BytesIO(content), name)
    return path


def test_the_7z_of_ign(gpkg, tmp_path):
    package = gpkg(roads({}, {})).read_bytes()
    home = "BDTOPO/1_DONNEES_LIVRAISON_2026-06-00152"
    path = seven(tmp_path / "ign.7z", {f"{home}/LISEZ-MOI.pdf": b"x" * 9, f"{home}/BDT_3-5_GPKG_D005.gpkg": package})
    assert load(path)[0].height == 2


def test_nothing_is_left_behind(gpkg, tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    path = seven(tmp_path / "ign.7z", {"a/b.gpkg": gpkg(roads({})).read_bytes()})
    load(path)
    refused(seven(tmp_path / "bad.7z", {"a/b.gpkg": b"x"}), "damaged")
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["../troncon.gpkg", "/etc/troncon.gpkg", "a/../../troncon.gpkg", "C:/troncon.gpkg", "..\\t.gpkg"]
)
def test_bad_names_in_archives(gpkg, tmp_path, name):
    content = gpkg(roads({})).read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(name, content)
    refused(tmp_path / "a.zip", "the member name")


def test_bad_names_in_7z(tmp_path):
    path = tmp_path / "a.7z"
    # The library refuses to write such a name: a header that is not compressed is edited instead.
    with py7zr.SevenZipFile(path, "w") as archive:
        archive.set_encoded_header_mode(False)
        archive.writef(io.BytesIO(b"x"), "aa/troncon.gpkg")
    content = path.read_bytes()
    old, new = "aa/troncon.gpkg".encode("utf-16-le"), "../troncon.gpkg".encode("utf-16-le")
    assert old in content
    body = bytearray(content.replace(old, new))
    # Signature header: offset, size and sum of the next header, then the sum of those.
    offset, size = struct.unpack("<QQ", body[12:28])
    body[28:32] = struct.pack("<I", zlib.crc32(body[32 + offset : 32 + offset + size]))
    body[8:12] = struct.pack("<I", zlib.crc32(body[12:32]))
    path.write_bytes(body)
    refused(path, "the member name")


def test_bad_link_in_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        member = zipfile.ZipInfo("troncon.gpkg")
        member.external_attr = 0o120777 << 16
        archive.writestr(member, "/etc/passwd")
    refused(tmp_path / "a.zip", "a link or a device")


@pytest.mark.parametrize("kind", ["zip", "7z"])
def test_bad_bomb(tmp_path, kind):
    path, zeros = tmp_path / f"a.{kind}", bytes(3_000_000)
    if kind == "7z":
        seven(path, {"troncon.gpkg": zeros})
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("troncon.gpkg", zeros)
    assert path.stat().st_size < 100_000
    assert "3000000 bytes declared" in refused(path, "at most 1000000 bytes once unpacked", cap=1_000_000)


def test_bad_archives_without_or_with_too_many_roads(gpkg, tmp_path):
    content = gpkg(roads({})).read_bytes()
    with zipfile.ZipFile(tmp_path / "none.zip", "w") as archive:
        archive.writestr("LISEZ-MOI.txt", b"rien")
    refused(tmp_path / "none.zip", "found none of them")
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("D005.gpkg", content)
        archive.writestr("D004.gpkg", content)
    refused(tmp_path / "two.zip", "D004.gpkg|d004.gpkg")
    with zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive:
        archive.writestr("a/D005.gpkg", content)
        archive.writestr("b/D005.gpkg", content)
    refused(tmp_path / "twice.zip", "several times")


def test_bad_shapefile_in_pieces(tmp_path):
    folder = shapefiles(tmp_path / "v2", {"CHEMIN": [("R1", line(1), PATH_V2)]}, encoding="ISO-8859-1")
    (folder / "CHEMIN.dbf").unlink()
    refused(zipped(tmp_path / "a.zip", folder), "found no .dbf")


# --- the declaration ---------------------------------------------------------------------------------------------


def test_every_departement_has_its_resource():
    ids = [r.id for r in SPEC.resources]
    assert len(ids) == len(set(ids)) == 103
    assert {"d01", "d2a", "d2b", "d971", "d976", "france", "local"} <= set(ids)
    assert "d20" not in ids
    assert all(r.optional for r in SPEC.resources)
    assert len({r.url for r in SPEC.resources}) == 103


# --- real files --------------------------------------------------------------------------------------------------


@pytest.mark.reel
def test_real_version_3(real_data):
    path = real_data / "roads" / "marseille10-bdtopo" / "troncon_de_route_marseille10.gpkg"
    result = read({"local": path}, SPEC)
    bilan = result.tables["bilan"]
    assert (result.read, bilan["troncons"].sum(), result.generation) == (2936, 2936, "v3")
    assert bilan["longueur_km"].sum() == pytest.approx(235.1, abs=0.1)
    assert result.issues.is_empty()
    frame, (batch,) = load(path)
    assert frame["commune_gauche"].drop_nulls().str.starts_with("132").all()
    assert frame["vitesse_kmh"].null_count() == 0
    assert frame.filter(pl.col("vitesse_kmh") == 0)["nature"].value_counts().height == 6
    assert np.isnan(batch.z).sum() == 1415


@pytest.mark.reel
def test_real_version_2(real_data, tmp_path):
    raw = real_data / "roads" / "grenoble-est-bdtopo" / "raw" / "A_RESEAU_ROUTIER"
    folder = tmp_path / "v2"
    shutil.copytree(raw, folder)
    account = Account(IssueLog("bdtopo"))
    path = zipped(tmp_path / "v2.zip", folder, epsg__txt="2154\n")
    frame, batches = load(path, account)
    assert [b.frame.height for b in batches] == [639, 91, 3473]
    assert (account.read, account.kept, account.set_aside, len(account.issues)) == (4203, 4203, 0, 0)
    assert frame["sens"].value_counts(sort=True).rows() == [(0, 3493), (1, 506), (-1, 204)]
    assert frame.filter(pl.col("nature") == "Type autoroutier").height == 48
    refused(zipped(tmp_path / "v2.zip", folder), "import it with --epsg")
