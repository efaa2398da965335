"""Geocoding one data root: deterministic, incremental, and never stopped by a service that fails."""

import gzip
import json
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from assets.raw.ingest import SourceState, UsedFile
from assets.referentiel.geocode import stage
from assets.referentiel.geocode.settings import settings
from assets.territories.passage import PASSAGE_SCHEMA
from pipeline.foundations.paths import DataRoot
from pipeline.foundations.progress import reporting
from pipeline.foundations.workspace import Workspace
from sources.ban import read as ban
from sources.registry import discover

_COLUMNS = {
    **dict.fromkeys(("id_source", "lieu_code_insee", "lieu_code_arrondissement_municipal", "cle_adresse"), pl.String),
    **dict.fromkeys(("lieu_longitude", "lieu_latitude", "geocodage_score", "geocodage_longitude"), pl.Float64),
    **dict.fromkeys(("geocodage_latitude",), pl.Float64),
    **dict.fromkeys(("position_methode", "geocodage_methode", "lieu_id_ban"), pl.String),
    "geocodage_date": pl.Date,
}


@pytest.fixture
def root(tmp_path):
    return DataRoot(tmp_path)


@pytest.fixture
def workspace(root):
    space = Workspace(root)
    rows = [
        {"id_source": "a", "lieu_code_insee": "05061", "cle_adresse": "10 rue des jardins"},
        {"id_source": "b", "lieu_code_insee": "05061", "cle_adresse": "99 rue inconnue", "geocodage_methode": "centre"},
        {"id_source": "c", "lieu_code_insee": "05061", "cle_adresse": "2 rue des jardins", "lieu_longitude": 6.5},
    ]
    frame = pl.DataFrame([{n: row.get(n) for n in _COLUMNS} for row in rows], schema=_COLUMNS)
    space.tables.write("referentiel__releves", frame, recipe="r")
    space.tables.write("territories__communes", pl.DataFrame({"code": ["05061"], "nom": ["Gap"]}), recipe="c")
    space.tables.write("territories__passage", pl.DataFrame(schema=PASSAGE_SCHEMA), recipe="p")
    return space


def _held(root, **values):
    path = root.path / "geocodage" / "geoplateforme.jsonl"
    path.parent.mkdir(exist_ok=True)
    answer = {
        "code_lieu": "05061",
        "cle_adresse": "10 rue des jardins",
        "date": "2026-03-01",
        "longitude": "6.08",
        "latitude": "44.56",
        "result_score": "0.9",
        "result_type": "street",
        "result_citycode": "05061",
        **values,
    }
    path.write_text(json.dumps(answer) + "\n", encoding="utf-8")


def test_without_extract_nor_answers_the_records_stay_as_they_are(workspace):
    assert stage.geocode(workspace) is True
    assert workspace.tables.read("referentiel__constats").equals(workspace.tables.read("referentiel__releves"))
    geocoded = workspace.tables.read("referentiel__geocodage")
    assert geocoded["motif"].to_list() == ["pas demandée", "pas demandée"]
    assert stage.geocode(workspace) is False  # nothing changed


def test_answers_held_are_used_without_asking_and_change_what_is_made(workspace, root):
    stage.geocode(workspace)
    _held(root)
    assert stage.geocode(Workspace(root, frozen=True)) is True
    row = Workspace(root).tables.read("referentiel__constats").row(0, named=True)
    assert (row["lieu_longitude"], row["geocodage_methode"]) == (6.08, "Géoplateforme voie")
    assert row["geocodage_date"] == date(2026, 3, 1)
    assert stage.geocode(Workspace(root, frozen=True)) is False


def test_the_extract_is_believed_before_the_service(workspace, root, fixtures, tmp_path, monkeypatch):
    _held(root)
    spec = discover(Path(ban.__file__).parents[1])["ban"]
    packed = tmp_path / "adresses-05.csv.gz"
    packed.write_bytes(gzip.compress((fixtures / "ban" / "adresses-05.csv").read_bytes()))
    workspace.tables.write("raw__ban_adresses", ban.read({"d05": packed}, spec).tables["adresses"], recipe="b")
    day = datetime(2026, 2, 1, tzinfo=UTC)
    used = UsedFile(
        ressource="d05", url="u", url_finale="u", sha256="0", octets=1, date_telechargement=day, date_fichier=day
    )
    state = SourceState(id="ban", etat="à jour", fichiers=(used,))
    path = workspace.snapshots.root / "ban" / "etat.json"
    path.parent.mkdir(parents=True)
    path.write_text(state.model_dump_json(), encoding="utf-8")
    monkeypatch.setattr(stage, "GEOCODING_SOURCES", ("ban",))
    stage.geocode(workspace)
    row = workspace.tables.read("referentiel__constats").row(0, named=True)
    assert (row["geocodage_methode"], row["lieu_longitude"]) == ("BAN numéro", 6.081)
    assert (row["geocodage_date"], row["lieu_id_ban"]) == (date(2026, 2, 1), "05061_0210_00010")
    reasons = workspace.tables.read("referentiel__geocodage")["motif"].to_list()
    assert reasons == [None, "voie inconnue"]


class _Notes:
    def __init__(self):
        self.notes = []

    def step(self, title): ...

    def advance(self, done, total): ...

    def note(self, text):
        self.notes.append(text)


@pytest.mark.usefixtures("workspace")
def test_a_service_that_fails_stops_nothing_and_is_said(root, monkeypatch):
    nobody = settings().geoplateforme.model_copy(update={"url": "http://127.0.0.1:9/x", "essais": 1})
    monkeypatch.setattr(stage, "settings", lambda: settings().model_copy(update={"geoplateforme": nobody}))
    notes = _Notes()
    with reporting(notes):
        assert stage.geocode(Workspace(root, geocode=True)) is True
    assert "les adresses restantes attendront" in notes.notes[0]
    assert Workspace(root).tables.read("referentiel__geocodage")["motif"].to_list() == ["pas demandée", "pas demandée"]
