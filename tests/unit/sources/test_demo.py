"""The fictional France: deterministic, labelled as fictional, exactly tiled, and as faulty as its README says."""

import bz2
import csv
import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import unicodedata
import zipfile
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Any

import fastexcel
import numpy as np
import pytest
import shapely

from pipeline.foundations.codes import valid_siret
from pipeline.foundations.errors import WrongUse
from pipeline.foundations.urls import mirror_file
from sources.demo import names, quirks, wire_cog, wire_dila, wire_france_services
from sources.demo.geography import World, build_world, departement_codes, luhn, reachable
from sources.demo.write import DemoFacts, quirk_table, write_mirror
from sources.registry import discover, reader_of
from sources.spec import SourceSpec

_SOURCES = Path(quirks.__file__).parents[1]
_SEED = 20260101

Record = dict[str, Any]


class Mirror:
    """A demo written to disk, and its files read again without the project's readers."""

    def __init__(self, root: Path, **options: int) -> None:
        self.root = root
        self.facts: DemoFacts = write_mirror(root, **options)

    @cached_property
    def services(self) -> list[Record]:
        with tarfile.open(mirror_file(self.root, wire_dila.URL)) as archive:
            member = next(m for m in archive if m.name.endswith("-data.gouv_local.json"))
            file = archive.extractfile(member)
            assert file is not None
            services: list[Record] = json.load(file)["service"]
            return services

    def service(self, quirk: str) -> Record:
        return next(s for s in self.services if s["id"] == self.facts.quirks[quirk][0])

    def france_services(self) -> list[list[str]]:
        text = mirror_file(self.root, wire_france_services.URL).read_text(encoding="utf-8")
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=";"))

    def fs(self, quirk: str) -> dict[str, str]:
        header, *rows = self.france_services()
        return next(dict(zip(header, row, strict=True)) for row in rows if row[0] == self.facts.quirks[quirk][0])

    def cog(self, name: str) -> list[Record]:
        items: list[Record] = json.loads(mirror_file(self.root, wire_cog.COG_URL.format(name=name)).read_bytes())
        return items

    def contours(self) -> Record:
        document: Record = json.loads(gzip.decompress(mirror_file(self.root, wire_cog.CONTOURS_URL).read_bytes()))
        return document

    def file(self, source: str) -> Path:
        return mirror_file(self.root, _spec(source).resources[0].url)

    def digests(self) -> dict[str, str]:
        return {name: hashlib.sha256((self.root / name).read_bytes()).hexdigest() for name in self.facts.files}


def _spec(source: str) -> SourceSpec:
    return discover(_SOURCES)[source]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Mirror:
    return Mirror(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Mirror:
    return Mirror(tmp_path_factory.mktemp("later"), month=1)


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(2, 60, _SEED)


# --- the whole ---------------------------------------------------------------------------------------------------


def test_same_arguments_same_bytes(demo: Mirror, tmp_path: Path) -> None:
    again = Mirror(tmp_path)
    assert again.digests() == demo.digests()
    assert again.facts == demo.facts


def test_neither_the_process_nor_its_clock_shows(demo: Mirror, tmp_path: Path) -> None:
    code = (
        f"from pathlib import Path; from sources.demo.write import write_mirror; write_mirror(Path({str(tmp_path)!r}))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env=environment, cwd=_SOURCES.parent)
    assert {n: hashlib.sha256((tmp_path / n).read_bytes()).hexdigest() for n in demo.facts.files} == demo.digests()


def test_another_seed_is_another_world(demo: Mirror, tmp_path: Path) -> None:
    other = Mirror(tmp_path, seed=1)
    assert {c["nom"] for c in other.cog("communes")} != {c["nom"] for c in demo.cog("communes")}


def test_every_file_written_is_known_and_nothing_else(demo: Mirror) -> None:
    found = {p.relative_to(demo.root).as_posix() for p in demo.root.rglob("*") if p.is_file()}
    assert found == set(demo.facts.files)


def test_facts_agree_with_the_files(demo: Mirror) -> None:
    facts = demo.facts
    assert facts.departements == ("96", "20")
    assert facts.records["dila"] == len(demo.services)
    assert facts.records["france_services"] == len(demo.france_services()) - 1
    current = [c for c in demo.cog("communes") if c["type"] == "commune-actuelle"]
    assert (facts.communes, facts.population) == (len(current), sum(c["population"] for c in current))
    assert facts.epci == len(demo.cog("epci"))


@pytest.mark.parametrize("departements", [0, 97])
def test_refuses_a_number_of_departements(tmp_path: Path, departements: int) -> None:
    with pytest.raises(WrongUse, match="expected a number from 1 to 96"):
        write_mirror(tmp_path, departements=departements)


@pytest.mark.parametrize("communes", [11, 901])
def test_refuses_a_number_of_communes(tmp_path: Path, communes: int) -> None:
    with pytest.raises(WrongUse, match="expected a number from 12 to 900"):
        write_mirror(tmp_path, communes_per_departement=communes)


def test_codes_of_small_worlds_are_borne_by_no_departement() -> None:
    assert departement_codes(1) == ("96",)
    assert departement_codes(2) == ("96", "20")
    assert departement_codes(3) == ("01", "02", "03")
    assert len(set(departement_codes(96))) == 96


@pytest.mark.parametrize(("departements", "communes"), [(1, 12), (3, 25)])
def test_other_sizes(tmp_path: Path, departements: int, communes: int) -> None:
    facts = write_mirror(tmp_path, departements=departements, communes_per_departement=communes)
    assert facts.communes == departements * communes
    assert facts.types["mairie"] >= facts.communes - 1
    assert all(facts.types[code] == departements for code in ("prefecture", "adil", "cg"))


def test_zeros_are_lost_where_codes_begin_with_one(tmp_path: Path) -> None:
    demo = Mirror(tmp_path, departements=3, communes_per_departement=25)
    row = demo.fs("fs-zero-perdu")
    assert len(row["insee_com"]) == len(row["code_postal"]) == 4


@pytest.mark.lent
def test_of_the_size_of_france_when_asked_for_as_many_departements(tmp_path: Path) -> None:
    """Five of its départements hold a nineteenth of its people and counters, in files a nineteenth of what is read."""
    facts = write_mirror(tmp_path, departements=5, communes_per_departement=368)
    assert facts.communes == 34_960 / 19
    assert facts.population * 19 == pytest.approx(68e6, rel=0.01)
    assert 60_000 <= facts.records["dila"] * 19 <= 80_000
    assert 3_000 <= facts.records["france_services"] * 19 <= 4_500
    for spec in discover(_SOURCES).values():
        for resource in spec.resources:
            file = mirror_file(tmp_path, resource.url)
            assert not file.is_file() or file.stat().st_size * 19 < resource.max_mb << 20, resource.url


# --- labels ------------------------------------------------------------------------------------------------------


def test_whatever_names_a_territory_says_it_is_fictional(demo: Mirror) -> None:
    for table in ("departements", "regions", "epci", "arrondissements"):
        assert all(re.search(r"\((département |région )?ficti(f|ve)\)$", item["nom"]) for item in demo.cog(table)), (
            table
        )


def test_commune_names_are_unique_and_plausible(demo: Mirror) -> None:
    found = [c["nom"] for c in demo.cog("communes")]
    assert len(set(found)) == len(found)
    joined = " ".join(found)
    assert all(mark in joined for mark in ("Saint-", "-sur-", "'", "é"))


def test_every_commune_name_holds_an_invented_element(demo: Mirror) -> None:
    invented = [_letters(e) for e in (*names.ROOTS, *names.SAINTS, *names.SAINTES, *names.RIVERS)]
    for commune in demo.cog("communes"):
        assert any(element in _letters(commune["nom"]) for element in invented), commune["nom"]


@pytest.mark.reel
def test_no_invented_element_is_in_a_real_name(real_data: Path) -> None:
    path = mirror_file(real_data / "mirror", wire_cog.COG_URL.format(name="communes"))
    real = "|".join({_letters(c["nom"]) for c in json.loads(path.read_bytes())})
    invented = (*names.ROOTS, *names.RIVERS, *names.SAINTS, *names.SAINTES)
    assert [e for e in invented if _letters(e) in real] == []


def _letters(name: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", name.lower()) if c.isalpha())


def test_telephones_mails_and_sites_are_for_fiction(demo: Mirror) -> None:
    texts = [json.dumps(demo.services, ensure_ascii=False), str(demo.france_services())]
    fiction = re.compile(r"(0199 ?00|0261 ?91|0353 ?01|0465 ?71|0536 ?49)")
    for text in texts:
        for phone in re.findall(r"\b0[1-9](?: \d\d){4}\b", text):
            assert fiction.match(phone.replace(" ", "")), phone
        for domain in re.findall(r"[\w.-]+@([\w.-]+\w)", text) + re.findall(r"https?://([\w.-]+)", text):
            assert domain.endswith(("example.fr", "example.org")), domain


def test_sirens_hold_their_key_and_are_in_unused_series(world: World) -> None:
    assert luhn("7328293200007") == "73282932000074"
    assert all(valid_siret(luhn(f"{c.siren}0001")) and c.siren[4] == "9" for c in world.communes)
    assert len({e.code for e in world.epci}) == len(world.epci)


# --- territory ---------------------------------------------------------------------------------------------------


def test_polygons_tile_the_territory(world: World) -> None:
    shapes = [c.geometry for c in world.communes]
    assert shapely.is_valid(shapes).all()
    assert shapely.is_valid(world.wgs84).all()
    union = shapely.union_all(shapes)
    assert union.area == pytest.approx(sum(s.area for s in shapes), abs=1)
    mainland = max(union.geoms, key=lambda part: part.area)
    assert len(union.geoms) == 2  # with the island
    assert not mainland.interiors  # no gap


def test_polygons_still_touch_once_written_in_degrees(demo: Mirror) -> None:
    shapes = [shapely.geometry.shape(f["geometry"]) for f in demo.contours()["features"]]
    union = shapely.union_all(shapes)
    assert union.area == pytest.approx(sum(s.area for s in shapes), rel=1e-6)
    assert all(len(part.interiors) == 0 for part in union.geoms)


def test_towns_are_in_their_commune_and_in_metropolitan_france(world: World) -> None:
    assert all(shapely.contains_xy(c.geometry, c.x, c.y) for c in world.communes)
    west, south, east, north = shapely.total_bounds(world.wgs84)
    assert -5 < west < east < 9
    assert 41 < south < north < 51


def test_odd_communes_exist(world: World) -> None:
    parts = Counter(shapely.get_num_geometries(c.geometry) for c in world.communes)
    assert parts[2] == 3  # two two-part communes and the enclave
    assert world.enclave is not None
    other = shapely.union_all([c.geometry for c in world.communes if c.departement == "20"])
    assert any(
        part.within(shapely.Polygon(max(shapely.get_parts(other), key=lambda p: p.area).exterior))
        for part in shapely.get_parts(world.communes[world.enclave].geometry)
    )
    assert world.communes[world.island].epci is None
    assert world.communes[world.empty].population == 0
    assert all(len(c.deleguees) in (0, 3) for c in world.communes)
    assert sum(bool(c.deleguees) for c in world.communes) == 2
    on_foot = reachable(world, world.departements[0].chefs_lieux[0])
    assert set(range(len(world.communes))) - set(on_foot.tolist()) == {world.island}


def test_epci_are_contiguous_groups_of_ten_to_twenty(world: World) -> None:
    for epci in world.epci:
        assert 10 <= len(epci.membres) <= 20
        inside = {p for p in world.neighbours if set(p) <= set(epci.membres)}
        met, frontier = {epci.membres[0]}, [epci.membres[0]]
        while frontier:
            here = frontier.pop()
            new = {o for p in inside if here in p for o in p} - met
            met |= new
            frontier += new
        assert met == set(epci.membres), epci.nom


def test_populations_spread_as_in_france(world: World) -> None:
    people = np.sort([c.population for c in world.communes])[::-1]
    assert people.mean() == pytest.approx(1_943, rel=0.01)
    assert np.median(people) < 900
    heads = [world.communes[d.chefs_lieux[0]] for d in world.departements]
    assert all(
        h.population == max(c.population for c in world.communes if c.departement == h.departement) for h in heads
    )


def test_former_communes_are_in_the_code_geographique(demo: Mirror) -> None:
    items = demo.cog("communes")
    olds = [c for c in items if c["type"] == "commune-deleguee"]
    current = {c["code"]: c for c in items if c["type"] == "commune-actuelle"}
    assert all(c["chefLieu"] in current for c in olds)
    assert any(c["code"] == c["chefLieu"] for c in olds)  # the same code twice, as in the real list
    assert all(c["code"] == c["chefLieu"] or c["code"] in current[c["chefLieu"]]["anciensCodes"] for c in olds)


# --- faults ------------------------------------------------------------------------------------------------------


def test_readme_lists_the_faults(demo: Mirror) -> None:
    readme = (Path(quirks.__file__).parent / "README.md").read_text(encoding="utf-8")
    assert quirk_table(demo.facts) in readme


def test_every_fault_struck_somewhere(demo: Mirror) -> None:
    missing = {q.id for q in quirks.QUIRKS} - demo.facts.quirks.keys()
    assert missing == {"fs-zero-perdu"}  # no code begins with zero at this size
    assert all(ids for ids in demo.facts.quirks.values())


def test_faults_of_place(demo: Mirror) -> None:
    def place(quirk: str) -> Record:
        address: Record = demo.service(quirk)["adresse"][0]
        return address

    assert place("coordonnees-absentes")["longitude"] == ""
    assert place("latitude-en-longitude")["longitude"] == place("latitude-en-longitude")["latitude"]
    assert float(place("coordonnees-inversees")["longitude"]) > 45
    assert "," in place("virgule-decimale")["latitude"]
    assert place("point-nul")["longitude"] == "0"
    assert re.fullmatch(r"(96|20)008", place("cedex")["code_postal"])
    assert place("cedex")["nom_commune"].endswith("Cedex 9")
    assert place("cs-code-postal")["code_postal"] == "80267"
    assert [a["type_adresse"] for a in demo.service("deux-adresses")["adresse"]] == ["Adresse postale", "Adresse"]
    assert demo.service("code-insee-inconnu")["code_insee_commune"].endswith("998")
    divergent = demo.service("pivot-divergent")
    assert divergent["pivot"][0]["code_insee_commune"] != [divergent["code_insee_commune"]]
    assert place("nd")["code_postal"] == "#N/D"


def test_points_put_elsewhere_are_elsewhere(demo: Mirror, world: World) -> None:
    by_code = {c.code: shape for c, shape in zip(world.communes, world.wgs84, strict=True)}
    land = shapely.union_all(list(by_code.values()))

    def point(service: Record) -> shapely.Point:
        return shapely.Point(float(service["adresse"][0]["longitude"]), float(service["adresse"][0]["latitude"]))

    away = demo.service("point-autre-commune")
    assert land.contains(point(away))
    assert not by_code[away["code_insee_commune"]].contains(point(away))
    assert not land.contains(point(demo.service("point-en-mer")))
    central = demo.service("centroide-commune")
    assert point(central).distance(by_code[central["code_insee_commune"]].centroid) < 1e-4


def test_sound_records_are_in_the_commune_they_state(demo: Mirror, world: World) -> None:
    struck = {i for ids in demo.facts.quirks.values() for i in ids}
    by_code = {c.code: shape for c, shape in zip(world.communes, world.wgs84, strict=True)}
    for service in demo.services:
        if service["id"] not in struck:
            place = service["adresse"][0]
            shape = by_code[service["code_insee_commune"]]
            assert shape.distance(shapely.Point(float(place["longitude"]), float(place["latitude"]))) < 1e-4


@pytest.mark.parametrize(
    ("quirk", "column", "value"),
    [
        ("plage-nulle", "valeur_heure_debut_1", "00:00:00"),
        ("heure-apostrophe", "valeur_heure_debut_1", "'08:00:00"),
        ("heure-sans-zero", "valeur_heure_debut_1", "9:00:00"),
        ("plage-inversee", "valeur_heure_fin_1", "09:00:00"),
        ("jours-inverses", "nom_jour_fin", "Lundi"),
        ("note-rendez-vous", "commentaire", "Accueil ouvert uniquement sur rendez-vous."),
        ("note-semaines-paires", "commentaire", "les semaines paires"),
        ("note-premier-samedi", "commentaire", "le 1er samedi du mois"),
        ("note-telephone-seul", "commentaire", "Permanence téléphonique uniquement"),
        ("note-ete", "commentaire", "Accueil fermé en juillet-août"),
    ],
)
def test_faults_of_hours(demo: Mirror, quirk: str, column: str, value: str) -> None:
    assert demo.service(quirk)["plage_ouverture"][0][column] == value


def test_overlapping_days(demo: Mirror) -> None:
    slots = demo.service("plages-superposees")["plage_ouverture"]
    assert [(s["nom_jour_debut"], s["nom_jour_fin"]) for s in slots] == [
        ("Lundi", "Vendredi"),
        ("Vendredi", "Vendredi"),
    ]


def test_faults_of_type_and_shape(demo: Mirror) -> None:
    assert demo.service("type-jamais-vu")["pivot"][0]["type_service_local"] == "maison_du_citoyen"
    assert demo.service("type-renomme")["pivot"][0]["type_service_local"] == "pole_emploi"
    assert len(demo.service("deux-types")["pivot"]) == 2
    assert demo.service("pivot-vide")["pivot"] == []
    assert isinstance(demo.service("forme-2021")["adresse"], dict)
    assert demo.service("retire")["statut_de_diffusion"] == "false"
    assert demo.service("service-national")["categorie"] == "SI"
    assert demo.service("champ-inconnu")["qualite_accueil"] == "A+"
    twice = demo.facts.quirks["identifiant-double"][0]
    assert sum(s["id"] == twice for s in demo.services) == 2


def test_faults_of_cells(demo: Mirror) -> None:
    def phone(quirk: str) -> str:
        text: str = demo.service(quirk)["telephone"][0]["valeur"]
        return text

    assert demo.service("formule")["nom"].startswith("=HYPERLINK(")
    assert "<script>" in demo.service("html")["commentaire_plage_ouverture"]
    assert re.fullmatch(r"[a-z-]+\.[a-z-]+@example\.fr", demo.service("courriel-nominatif")["adresse_courriel"][0])
    assert demo.service("personnes")["affectation_personne"][0]["personne"]["nom"] in names.ROOTS
    assert demo.service("courriel-url")["adresse_courriel"][0].startswith("https://")
    assert "\u00a0" in phone("telephone-insecable")
    assert re.fullmatch(r"[1-5]\d{8}", phone("telephone-sans-zero"))
    assert phone("telephone-international").startswith("+33 ")
    assert phone("telephone-court") == "3646"
    assert phone("telephone-parentheses").startswith("0(")
    assert len(phone("telephone-double")) == 28
    assert "\u202f" in demo.service("siret-espaces")["siret"]
    assert len(demo.service("siret-siren")["siret"]) == 9
    assert demo.service("siret-faux")["siret"] == "1"
    assert demo.service("date-impossible")["date_modification"].startswith("31/02/")
    assert demo.service("date-iso")["date_modification"].startswith("2026-")


def test_traits_of_the_world(demo: Mirror) -> None:
    services = {s["id"]: s for s in demo.services}
    ids = demo.facts.quirks
    current = {c["code"] for c in demo.cog("communes") if c["type"] == "commune-actuelle"}
    assert all(services[i]["code_insee_commune"] not in current for i in ids["code-commune-deleguee"])
    assert all(services[i]["nom"].startswith("Mairie déléguée") for i in ids["mairie-deleguee"])
    assert len(ids["cite-administrative"]) >= 4
    partners = Counter(s["partenaire"] for s in services.values() if s["pivot"] and _type(s) == "france_services")
    assert partners["france_service"]
    assert partners[""]
    listed = {s["partenaire_identifiant"] for s in services.values() if s["partenaire"] == "france_service"}
    assert not listed & set(ids["fs-hors-annuaire"])
    header, *rows = demo.france_services()
    points = {row[0]: row[header.index("latitude") : header.index("longitude") + 1] for row in rows}
    for bus in ids["bus-au-depot"]:
        assert list(points.values()).count(points[bus]) >= 2


def _type(service: Record) -> str:
    pivot = service["pivot"]
    first: Record = pivot[0] if isinstance(pivot, list) else pivot
    return str(first["type_service_local"])


def test_faults_of_france_services(demo: Mirror) -> None:
    header, *rows = demo.france_services()
    assert header[:24] == list(wire_france_services.HEADER)
    assert header[24:] == ["label_qualite"]
    shifted = [row for row in rows if len(row) != len(header)]
    assert [row[0] for row in shifted] == list(demo.facts.quirks["fs-ligne-decalee"])
    assert demo.fs("fs-plage-nulle")["h_lundi"].startswith("00:00 - 00:00 / ")
    assert not any(v for k, v in demo.fs("fs-sans-horaires").items() if k.startswith("h_"))
    assert demo.fs("fs-tiret")["h_samedi"] == "-"
    assert "\n" in demo.fs("fs-retour-ligne")["commentaire"]
    assert demo.fs("fs-0null")["insee_com"] == "0null"
    assert demo.fs("fs-autre-departement")["insee_dep"] != demo.fs("fs-autre-departement")["insee_com"][:2]
    assert demo.fs("fs-deux-courriels")["mail"].count("@") == 2
    assert demo.fs("fs-formule")["lib_fs"].startswith("=HYPERLINK(")


def test_lists_come_in_their_declared_shapes(demo: Mirror) -> None:
    text = demo.file("ccas_71_saone_et_loire").read_bytes().decode("utf-16")
    header, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=";")
    assert {len(row) - len(header) for row in rows} == {0, 1}  # one row is shifted
    workbook = fastexcel.read_excel(demo.file("ccas_77_seine_et_marne"))
    sheet = workbook.load_sheet(0, dtypes="string").to_polars()
    number = demo.facts.quirks["liste-telephone-nombre"][0]
    (phone,) = sheet.filter(sheet["ID"] == number)["Tel"]
    assert re.fullmatch(r"[1-5]\d{8}", phone)
    features = json.loads(demo.file("ccas_92_hauts_de_seine").read_bytes())["features"]
    empty = [str(f["properties"]["id"]) for f in features if f["geometry"] is None]
    assert empty == list(demo.facts.quirks["liste-sans-point"])


def test_the_archive_is_packed_as_the_real_one(demo: Mirror) -> None:
    path = mirror_file(demo.root, wire_dila.URL)
    assert bz2.decompress(path.read_bytes())
    with tarfile.open(path) as archive:
        names_ = archive.getnames()
        assert [re.sub(r"^\d{8}_\d{6}-", "", n) for n in names_] == ["data.gouv_local.json", "data.gouv_commune.zip"]
        member = archive.extractfile(names_[1])
        assert member is not None
        with zipfile.ZipFile(io.BytesIO(member.read())) as communes:
            assert len(communes.namelist()) == demo.facts.communes
            document = json.loads(communes.read(communes.namelist()[0]))["commune"][0]
    own = next(t for t in document["type_service_local"] if t["code_type_service_local"] == "mairie")
    mairie = next(s for s in demo.services if s["id"] == own["organisme"][0])
    assert mairie["code_insee_commune"] == document["code_insee_commune"]


def test_the_readers_read_it(demo: Mirror) -> None:
    """Every reader present takes its file; what it sets aside is what was made to be."""
    for source, spec in discover(_SOURCES).items():
        files = {r.id: mirror_file(demo.root, r.url) for r in spec.resources}
        if all(file.is_file() for file in files.values()):
            result = reader_of(spec)(files, spec)
            if "records" in result.tables:
                aside = demo.facts.records[source] - len(result.tables["records"])
                assert 0 <= aside <= 4, source


# --- a month later -----------------------------------------------------------------------------------------------


def test_a_month_later_the_documented_ids_changed(demo: Mirror, later: Mirror) -> None:
    before = {s["id"]: s for s in demo.services}
    after = {s["id"]: s for s in later.services}
    facts = later.facts
    assert after.keys() - before.keys() == set(facts.opened["dila"])
    assert before.keys() - after.keys() == set(facts.closed["dila"])
    kept = before.keys() & after.keys()

    def changed(*path: Any) -> set[str]:
        def at(service: Any) -> Any:
            for step in path:
                service = service[step]
            return service

        return {i for i in kept if isinstance(before[i]["adresse"], list) and at(before[i]) != at(after[i])}

    assert changed("adresse", 0, "longitude") == set(facts.moved["dila"])
    assert changed("nom") == set(facts.renamed["dila"])
    assert changed("plage_ouverture") == set(facts.rescheduled["dila"])
    assert all((facts.opened["dila"], facts.closed["dila"], facts.moved["dila"], facts.renamed["dila"]))


def test_a_month_later_france_services_changed_as_told(demo: Mirror, later: Mirror) -> None:
    before = {row[0] for row in demo.france_services()[1:]}
    after = {row[0] for row in later.france_services()[1:]}
    assert after - before == set(later.facts.opened["france_services"])
    assert before - after == set(later.facts.closed["france_services"])


def test_a_month_later_faults_are_on_the_same_records_and_order_changed(demo: Mirror, later: Mirror) -> None:
    assert {q: later.facts.quirks[q] for q in (x.id for x in quirks.QUIRKS) if q in later.facts.quirks} == {
        q: demo.facts.quirks[q] for q in (x.id for x in quirks.QUIRKS) if q in demo.facts.quirks
    }
    before, after = [s["id"] for s in demo.services], [s["id"] for s in later.services]
    kept = set(before) & set(after)
    assert [i for i in after if i in kept] != [i for i in before if i in kept]
    assert later.cog("communes") == demo.cog("communes")


def test_months_follow_one_another(later: Mirror, tmp_path: Path) -> None:
    third = Mirror(tmp_path, month=2)
    ids = {s["id"] for s in third.services}
    assert ids - {s["id"] for s in later.services} == set(third.facts.opened["dila"])
