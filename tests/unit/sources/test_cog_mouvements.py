"""Movements of communes."""

from datetime import date
from pathlib import Path

import pytest

from pipeline.foundations.errors import SourceUnreadable
from sources.cog_mouvements import read as mouvements
from sources.spec import load_spec

SPEC = load_spec(Path(mouvements.__file__).parent / "source.yml")


def read(path):
    return mouvements.read({"mouvements": path}, SPEC)


def test_movements_from_the_oldest(fixtures):
    result = read(fixtures / "cog_mouvements" / "mouvements.csv")
    frame = result.tables["mouvements"]
    assert frame.schema == mouvements.SCHEMA
    assert result.read == 9
    assert frame.select("mod", "date", "code_avant", "type_apres", "code_apres").rows() == [
        ("20", date(1953, 2, 1), None, "COM", "97411"),
        ("41", date(1976, 1, 1), "20001", "COM", "2A001"),
        ("32", date(2023, 1, 1), "01039", "COMD", "01039"),
        ("32", date(2023, 1, 1), "01039", "COM", "01138"),
        ("32", date(2023, 1, 1), "01138", "COM", "01138"),
        ("21", date(2024, 1, 1), "60054", "COM", "60054"),
        ("21", date(2024, 1, 1), "60054", "COM", "60694"),
    ]
    assert frame["nom_avant"][0] is None


def test_a_movement_that_leads_nowhere_is_set_aside(fixtures):
    issues = read(fixtures / "cog_mouvements" / "mouvements.csv").issues
    assert issues.select("id_source", "regle", "gravite").rows() == [
        ("60384", "mouvement-illisible", "erreur"),
        ("60467", "mouvement-illisible", "erreur"),
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bad_renamed_column.csv", "expected column(s) COM_AP; found unknown column(s) COM_APRES"),
        ("bad_no_movement.csv", "no row with a date, a kind and a commune"),
        ("bad_page.csv", "found a web page"),
    ],
)
def test_a_file_that_is_not_as_declared_is_refused(fixtures, name, message):
    with pytest.raises(SourceUnreadable) as error:
        read(fixtures / "cog_mouvements" / name)
    assert message in str(error.value)


@pytest.mark.reel
def test_the_real_file(real_data):
    result = read(real_data / "territory" / "cog-history" / "etalab_mouvements_2024-02-21.csv")
    assert result.read == result.tables["mouvements"].height == 13_284
    assert result.issues.is_empty()
    assert SPEC.bounds.min < result.read < SPEC.bounds.max
