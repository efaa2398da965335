"""Base Adresse Nationale, one file per département."""

import gzip
import shutil
from pathlib import Path

import polars as pl
import pytest

from pipeline.foundations.errors import SourceUnreadable
from sources.ban import read as ban
from sources.registry import discover
from sources.spec import load_spec

ROOT = Path(ban.__file__).parent
SPEC = load_spec(ROOT / "source.yml")


@pytest.fixture
def packed(fixtures, tmp_path):
    """A fixture packed as the producer packs it."""

    def pack(name):
        path = tmp_path / f"{name}.gz"
        with (fixtures / "ban" / name).open("rb") as plain, gzip.open(path, "wb") as archive:
            shutil.copyfileobj(plain, archive)
        return path

    return pack


def test_addresses(packed):
    result = ban.read({"d05": packed("adresses-05.csv")}, SPEC)
    frame = result.tables["adresses"]
    assert frame.schema == ban.SCHEMA
    assert result.read == 9
    assert frame["id"].to_list() == [
        "05061_0210_00002",
        "05061_0210_00004_bis",
        "05061_0210_00010",
        "05061_0310_00001",
        "05061_0400_00008",
        "05170_0001_00003",
    ]
    assert frame.row(1, named=True) == {
        "id": "05061_0210_00004_bis",
        "code_insee": "05061",
        "code_postal": "05000",
        "numero": 4,
        "rep": "bis",
        "nom_voie": "Rue des Jardins",
        "longitude": 6.0803,
        "latitude": 44.5603,
    }
    # Provisional number, no position, no street: counted, not listed.
    assert result.issues.select("id_source", "valeur", "regle").rows() == [("d05", "3", "adresses-inutilisables")]


def test_several_departements_are_stacked(packed):
    path = packed("adresses-05.csv")
    result = ban.read({"d36": path, "d05": path}, SPEC)
    assert result.tables["adresses"].height == 12
    assert result.issues["id_source"].to_list() == ["d05", "d36"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bad_renamed_column.csv", "expected column(s) nom_voie; found unknown column(s) voie"),
        ("bad_page.csv", "found a web page"),
        ("bad_wide_row.csv", "expected CSV rows of UTF-8 text, each as wide as the header"),
    ],
)
def test_a_file_that_is_not_as_declared_is_refused(packed, name, message):
    with pytest.raises(SourceUnreadable) as error:
        ban.read({"d05": packed(name)}, SPEC)
    assert message in str(error.value)


def test_a_cut_archive_is_refused(packed, tmp_path):
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(packed("adresses-05.csv").read_bytes()[:-12])
    with pytest.raises(SourceUnreadable):
        ban.read({"d05": cut}, SPEC)


def test_no_file_is_refused():
    with pytest.raises(SourceUnreadable, match="at least one département"):
        ban.read({}, SPEC)


def test_every_departement_is_declared_and_nothing_is_asked_unless_enabled():
    assert len(SPEC.resources) == 101
    assert all(r.optional and r.url.endswith(f"/{r.filename}") for r in SPEC.resources)
    assert not discover(ROOT.parent)["ban"].enabled
    assert pl.Series([r.id for r in SPEC.resources]).is_unique().all()
