import bz2
import io
import json
import sys
import tarfile
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.issues import IssueLog
from sources.delimited import utf8_chunks
from sources.dila import flavours
from sources.dila.read import _record, read
from sources.dila.service import record_of
from sources.reading import ReadResult
from sources.record import HOURS_FORMATS, RECORD_SCHEMA
from sources.registry import discover
from sources.spec import SourceSpec


def uid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


@pytest.fixture(scope="module")
def spec() -> SourceSpec:
    import sources

    return discover(Path(sources.__file__).parent)["dila"]


@pytest.fixture(scope="module")
def folder(fixtures: Path) -> Path:
    return fixtures / "dila"


@pytest.fixture(scope="module")
def dump(spec: SourceSpec, folder: Path) -> ReadResult:
    return read({"locale": folder / "gouv_local.json"}, spec)


def record(result: ReadResult, identifier: str) -> dict[str, Any]:
    return result.tables["records"].row(by_predicate=pl.col("id_source") == identifier, named=True)


def rules(result: ReadResult, identifier: str | None = None) -> list[str]:
    issues = result.issues if identifier is None else result.issues.filter(pl.col("id_source") == identifier)
    return sorted(issues["regle"])


# The dump


def test_the_dump_gives_one_record_per_local_service(dump: ReadResult) -> None:
    records = dump.tables["records"]
    assert records.schema == RECORD_SCHEMA
    assert (dump.read, dump.generation) == (11, "json")
    # Left out: one withdrawn, one national, one without id, one with an id already seen.
    assert records["id_source"].to_list() == [uid(n) for n in (1, 2, 3, 4, 5, 6, 9)]
    assert set(records["horaires_format"].drop_nulls()) <= set(HOURS_FORMATS)


def test_every_value_of_a_service_is_read(dump: ReadResult) -> None:
    serres = record(dump, uid(1))
    hours = json.loads(serres.pop("horaires"))
    assert [slot["nom_jour_debut"] for slot in hours] == ["Lundi", "Vendredi"]
    assert hours[1]["commentaire"] == "les semaines paires"
    assert {name: value for name, value in serres.items() if value is not None} == {
        "id_source": uid(1),
        "nom": "Mairie - Serres",
        "codes_type": ["mairie"],
        "siret": "21050166700012",
        "adresse": "12 rue du Portail",
        "complement": "Hôtel de ville, BP 7",
        "code_postal": "05700",
        "commune": "Serres",
        "code_insee": "05166",
        "longitude": 5.714512,
        "latitude": 44.428301,
        "horaires_format": "plages_dila",
        "horaires_note": "Permanence du maire le samedi",
        "telephone": "04 92 00 00 01",
        "courriel": "accueil@serres.example",
        "site_web": "https://serres.example",
        "date_maj": date(2026, 5, 18),
        "id_dila": uid(1),
        "ancien_id": "mairie-05166-01",
    }


def test_the_physical_address_wins_wherever_it_is(dump: ReadResult) -> None:
    briancon = record(dump, uid(2))
    assert (briancon["commune"], briancon["code_postal"], briancon["longitude"]) == ("Briançon", "05100", 6.6321)
    frejus = record(dump, uid(6))
    assert (frejus["commune"], frejus["complement"]) == ("Fréjus Cedex", "CS 70108")
    assert "adresse-postale" in rules(dump, uid(6))


def test_types_and_mobile_services(dump: ReadResult) -> None:
    assert record(dump, uid(4))["codes_type"] == ["chambre_metier", "chambre_metier_reg"]
    assert record(dump, uid(5))["codes_type"] is None
    assert rules(dump, uid(5)) == ["date-illisible", "type-absent"]
    assert record(dump, uid(3))["type_structure"] == "Itinérance"
    assert record(dump, uid(9))["type_structure"] == "Itinérance"
    assert record(dump, uid(1))["type_structure"] is None
    assert (record(dump, uid(3))["partenaire"], record(dump, uid(3))["partenaire_id"]) == ("france_service", "2057")


def test_coordinates_as_stated(dump: ReadResult) -> None:
    assert (record(dump, uid(3))["longitude"], record(dump, uid(3))["latitude"]) == (6.0786, 44.5594)
    assert rules(dump, uid(3)) == ["virgule-decimale", "virgule-decimale"]
    assert (record(dump, uid(4))["longitude"], record(dump, uid(4))["latitude"]) == (None, 44.56)
    assert rules(dump, uid(4)) == ["nombre-illisible"]


def test_contacts(dump: ReadResult) -> None:
    frejus, lille = record(dump, uid(6)), record(dump, uid(9))
    assert (frejus["courriel"], frejus["site_web"]) == (None, "http://www.frejus.example/contact")
    assert "courriel-url" in rules(dump, uid(6))
    assert (lille["courriel"], lille["site_web"]) == (None, "www.lille.example")
    assert rules(dump, uid(9)) == ["commune-divergente", "courriel-illisible"]
    assert lille["code_insee"] == "59350"


def test_what_is_left_out_is_said(dump: ReadResult) -> None:
    said = dump.issues.select("id_source", "colonne", "valeur", "regle", "gravite").rows()
    assert (uid(7), "statut_de_diffusion", "false", "retire-de-la-diffusion", "erreur") in said
    assert ("*", "categorie", "1 fiches", "service-national", "info") in said
    assert ("*", "nouveau_champ", "2 fiches", "colonne-inconnue", "avertissement") in said
    assert (uid(1), "id_source", uid(1), "identifiant-double", "erreur") in said
    assert "identifiant-absent" in rules(dump, "?")


def test_people_are_dropped(dump: ReadResult) -> None:
    assert "fictive" not in (dump.tables["records"].write_json() + dump.issues.write_json()).lower()


def test_the_variant_of_december_2021(spec: SourceSpec, folder: Path) -> None:
    result = read({"locale": folder / "gouv_local_2021-12.json"}, spec)
    breux = record(result, uid(21))
    assert (breux["code_insee"], breux["codes_type"], breux["ancien_id"]) == ("27115", ["mairie"], None)
    assert (breux["adresse"], breux["complement"]) == ("Le Bourg", "10 route d'Exemple")
    assert len(result.issues) == 0


def test_the_archive_is_the_dump(spec: SourceSpec, folder: Path, dump: ReadResult, tmp_path: Path) -> None:
    path = tmp_path / "whatever.bin"
    content = (folder / "gouv_local.json").read_bytes()
    with tarfile.open(path, "w:bz2") as archive:
        for name, data in (("20260518-data.gouv_local.json", content), ("20260518-data.gouv_commune.zip", b"x")):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    assert read({"locale": path}, spec).tables["records"].equals(dump.tables["records"])

    cut = tmp_path / "cut.tar.bz2"
    cut.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(SourceUnreadable):
        read({"locale": cut}, spec)

    alone = tmp_path / "alone.bz2"
    alone.write_bytes(bz2.compress(content))
    assert read({"locale": alone}, spec).tables["records"].equals(dump.tables["records"])


# The Opendatasoft exports


@pytest.mark.parametrize(
    ("name", "generation", "read_count"),
    [("records_ods.json", "json_ods", 5), ("export_ods.json", "json_ods", 5), ("export_ods.csv", "csv_ods", 6)],
)
def test_opendatasoft_exports_say_the_same(
    spec: SourceSpec, folder: Path, dump: ReadResult, name: str, generation: str, read_count: int
) -> None:
    result = read({"locale": folder / name}, spec)
    assert (result.generation, result.read) == (generation, read_count)
    common = result.tables["records"]["id_source"].to_list()[:4]
    kept = pl.col("id_source").is_in(common)
    assert common == [uid(1), uid(2), uid(3), uid(6)]
    assert result.tables["records"].filter(kept).equals(dump.tables["records"].filter(kept))


def test_a_bad_cell_costs_its_value_and_a_shifted_row_itself(spec: SourceSpec, folder: Path) -> None:
    result = read({"locale": folder / "export_ods.csv"}, spec)
    cut = record(result, uid(31))
    assert (cut["nom"], cut["adresse"], cut["telephone"]) == (record(result, uid(2))["nom"], None, "3230")
    assert rules(result, uid(31)) == ["valeur-illisible"]
    assert "ligne-decalee" in rules(result)


def test_a_page_of_the_api_is_not_the_directory(spec: SourceSpec, folder: Path) -> None:
    result = read({"locale": folder / "records_ods.json"}, spec)
    incomplete = result.issues.filter(pl.col("regle") == "reponse-incomplete")
    assert incomplete["valeur"].to_list() == ["5 fiches sur 9"]


# The old XML


def test_the_old_xml(spec: SourceSpec, folder: Path) -> None:
    result = read({"locale": folder / "organisme.xml"}, spec)
    assert (result.generation, result.read) == ("xml", 1)
    msa = record(result, "msa-01053-01")
    hours = json.loads(msa.pop("horaires"))
    assert {name: value for name, value in msa.items() if value is not None} == {
        "id_source": "msa-01053-01",
        "ancien_id": "msa-01053-01",
        "nom": "Mutualité sociale agricole (MSA) Ain-Rhône - accueil de Bourg-en-Bresse",
        "codes_type": ["msa"],
        "adresse": "15 avenue d'Exemple",
        "complement": "Résidence Exemple",
        "code_postal": "01059",
        "commune": "Bourg-en-Bresse Cedex 9",
        "code_insee": "01053",
        "longitude": 5.2306651,
        "latitude": 46.2069614,
        "precision_geo": "8",
        "horaires_format": "plages_dila",
        "horaires_note": "Accueil fermé en août.",
        "telephone": "04 00 00 00 00",
        "site_web": "http://www.msa.example/contact",
        "date_maj": date(2017, 9, 11),
    }
    # Three intervals need two `plage_ouverture`; days without hours keep their note.
    assert [(slot["nom_jour_debut"], slot["nom_jour_fin"]) for slot in hours] == [
        ("Lundi", "Mercredi"),
        ("Lundi", "Mercredi"),
        ("Vendredi", "Vendredi"),
    ]
    assert (hours[0]["valeur_heure_fin_2"], hours[1]["valeur_heure_debut_1"]) == ("16:00:00", "17:00:00")
    assert hours[2]["commentaire"] == "Sur rendez-vous."


def test_a_geopostal_address_comes_before_a_postal_one(spec: SourceSpec, folder: Path) -> None:
    serres = record(read({"locale": folder / "organisme_geopostale.xml"}, spec), "mairie-05166-01")
    assert (serres["adresse"], serres["complement"], serres["precision_geo"]) == ("Place Exemple", "BP 7", "4")


@pytest.mark.parametrize("packing", ["tar", "zip"])
def test_an_archive_of_old_xml(spec: SourceSpec, folder: Path, tmp_path: Path, packing: str) -> None:
    members = {
        "all_20210607/communes/01/01053.xml": b"<Commune/>",
        "all_20210607/organismes/01/msa-01053-01.xml": (folder / "organisme.xml").read_bytes(),
        "all_20210607/organismes/05/mairie-05166-01.xml": (folder / "organisme_geopostale.xml").read_bytes(),
        "all_20210607/organismes/05/mairie-05999-01.xml": (folder / "bad_truncated.xml").read_bytes(),
        "all_20210607/organismes/05/mairie-05998-01.xml": b"<Organisme>" + b" " * (1 << 20) + b"</Organisme>",
    }
    path = tmp_path / "all_latest"
    if packing == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, data in members.items():
                packed.writestr(name, data)
    else:
        with tarfile.open(path, "w:bz2") as archive:
            for name, data in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    result = read({"locale": path}, spec)
    assert result.tables["records"]["id_source"].to_list() == ["msa-01053-01", "mairie-05166-01"]
    assert rules(result, "mairie-05999-01") == ["fichier-illisible"]
    assert rules(result, "mairie-05998-01") == ["fichier-illisible"]

    small = spec.model_copy(update={"resources": (spec.resources[0].model_copy(update={"max_unpacked_mb": 1}),)})
    with pytest.raises(SourceUnreadable, match=r"more (?:than 1048576 )?unpacked bytes"):
        read({"locale": path}, small)


def test_a_tar_whose_headers_never_end_is_refused(spec: SourceSpec, tmp_path: Path) -> None:
    path = tmp_path / "bomb.tar.bz2"
    with tarfile.open(path, "w:bz2") as archive:
        for name in ("organismes/05/a.xml", "organismes/05/" + "x" * (4 << 20) + ".xml"):
            archive.addfile(tarfile.TarInfo(name))
    with pytest.raises(SourceUnreadable, match="headers longer"):
        read({"locale": path}, spec)


def test_a_service_too_nested_to_be_written_again_is_set_aside() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    issues = IssueLog("dila")
    assert _record({"id": uid(1), "plage_ouverture": [{"commentaire": deep}]}, issues) is None
    assert issues.frame()["regle"].to_list()[-1] == "enregistrement-illisible"


# What is not the directory


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bad_missing_column.json", r"column\(s\) pivot; found no column that could replace"),
        ("bad_renamed_column.json", r"column\(s\) pivot; found unknown column\(s\) pivots"),
        ("bad_truncated.json", r"a complete JSON object, after 4 complete service"),
        ("bad_other_json.json", r"found JSON that starts with .*quota exceeded"),
        ("bad_no_service.json", r"at least one service; found an empty list"),
        ("bad_latin1.json", r"byte 0xE7 at byte 255, which is not UTF-8"),
        ("bad_page.html", r"found a web page \(HTML\)"),
        ("bad_empty.json", r"found an empty file"),
        ("bad_entities.xml", r"XML without DTD or entities"),
        ("bad_truncated.xml", r"well-formed XML; found a fault at"),
    ],
)
def test_refusals_say_what_is_wrong(spec: SourceSpec, folder: Path, name: str, message: str) -> None:
    with pytest.raises(SourceUnreadable, match=message):
        read({"locale": folder / name}, spec)


def test_the_position_of_a_byte_that_is_not_utf8_is_that_of_the_file(folder: Path) -> None:
    content = (folder / "bad_latin1.json").read_bytes()
    with pytest.raises(SourceUnreadable, match=f"at byte {content.index(0xE7)},"):
        list(utf8_chunks(io.BytesIO(content), "file"))


def test_an_extra_column_is_reported_once(spec: SourceSpec, folder: Path) -> None:
    result = read({"locale": folder / "bad_extra_column.json"}, spec)
    assert result.issues.select("colonne", "valeur", "regle").rows() == [
        ("horaires_osm", "2 fiches", "colonne-inconnue")
    ]
    assert result.tables["records"].height == 2


@pytest.mark.parametrize("tail", ["", "]", ']}{"service":[', "]]", "]}x", ",]}", "[]}"])
def test_a_list_that_does_not_end_well_is_refused(spec: SourceSpec, folder: Path, tmp_path: Path, tail: str) -> None:
    service = json.loads((folder / "gouv_local.json").read_text(encoding="utf-8"))["service"][0]
    path = tmp_path / "x.json"
    path.write_text('{"service": [' + json.dumps(service) + tail, encoding="utf-8")
    with pytest.raises(SourceUnreadable, match="after 1 complete service"):
        read({"locale": path}, spec)


def test_a_service_that_never_ends_is_refused_without_holding_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flavours, "_MAX_SERVICE", 1000)
    taken = 0

    def endless() -> Any:
        nonlocal taken
        while True:
            taken += 1
            yield "x" * 100

    text = flavours._JsonText(endless(), '{"nom": "', "file")
    with pytest.raises(SourceUnreadable, match="a complete JSON object"):
        text.take_object()
    assert taken < 20


@pytest.mark.parametrize("depth", [900, 100_000])
def test_values_nested_too_deep(spec: SourceSpec, folder: Path, tmp_path: Path, depth: int) -> None:
    services = json.loads((folder / "gouv_local.json").read_text(encoding="utf-8"))["service"][:2]
    services[0]["plage_ouverture"] = [{"commentaire": "DEEP"}]
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"service": services}).replace('"DEEP"', "[" * depth + "]" * depth), encoding="utf-8")
    if depth > sys.getrecursionlimit():
        with pytest.raises(SourceUnreadable, match="a complete JSON object"):
            read({"locale": path}, spec)
    else:
        assert uid(2) in read({"locale": path}, spec).tables["records"]["id_source"]


@given(
    st.lists(st.dictionaries(st.text(max_size=8), st.text() | st.lists(st.integers()), max_size=3), max_size=5),
    st.integers(1, 50),
    st.booleans(),
)
def test_objects_come_out_as_they_are_wherever_the_text_is_cut(
    services: list[dict[str, Any]], width: int, indented: bool
) -> None:
    text = json.dumps(services, ensure_ascii=False, indent=1 if indented else None)
    cut = (text[at : at + width] for at in range(1, len(text), width))
    assert list(flavours._objects(flavours._JsonText(cut, "", "file"), enclosed=False)) == services


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
_KEYS = ("id", "nom", "pivot", "adresse", "telephone", "adresse_courriel", "plage_ouverture", "date_modification")


@example({"id": "half of a pair: \ud83d", "plage_ouverture": [{"commentaire": "\udc00"}]})
@given(st.dictionaries(st.sampled_from(_KEYS), _JSON | st.builds(json.dumps, _JSON)))
def test_no_service_however_odd_stops_the_file(service: dict[str, Any]) -> None:
    issues = IssueLog("dila")
    row = record_of(service, issues)
    assert row is not None
    pl.DataFrame([row], schema_overrides=RECORD_SCHEMA, strict=True).write_json()
    issues.frame().write_json()


# The real directory


@pytest.mark.lent
@pytest.mark.reel
@pytest.mark.parametrize(("mirror", "services"), [("mirror", 61_135), ("mirror-previous", 61_249)])
def test_the_whole_of_france(spec: SourceSpec, real_data: Path, mirror: str, services: int) -> None:
    path = real_data / mirror / spec.resources[0].url.removeprefix("https://")
    result = read({"locale": path}, spec)
    records = result.tables["records"]
    assert (result.read, records.height, records["id_source"].n_unique()) == (services, services, services)
    assert services >= spec.bounds.min
    assert records["codes_type"].null_count() <= 2
    assert records["code_insee"].null_count() == 0
    assert records["date_maj"].null_count() == 0
    assert set(rules(result)) == {
        "adresse-postale",
        "adresses-multiples",
        "courriel-illisible",
        "courriel-url",
        "type-absent",
    }


@pytest.mark.reel
def test_the_same_real_services_in_three_flavours(spec: SourceSpec, real_data: Path) -> None:
    folder = real_data / "services" / "dila-current-format"
    names = ("sample.gouv_local.json", "sample.api-lannuaire.records.json", "sample.api-lannuaire.export.csv")
    dump, records, export = (read({"locale": folder / name}, spec).tables["records"] for name in names)
    assert dump.height == 6
    assert dump.equals(records)
    assert dump.equals(export)
