"""What is known of the counters of each département, counted by hand."""

import polars as pl
import pytest

from quality.coverage import Coverage, measure, total

POINT = b"\x01"


def counters(prefix, *rows):
    """Rows of `département, geometry, quality of the hours, sources, siret, id of the DILA`."""
    names = [
        *("lieu_code_departement", "geometrie", "horaires_qualite", "sources"),
        *(f"{prefix}_siret", f"{prefix}_id_dila"),
    ]
    schema = {name: pl.Binary if name == "geometrie" else pl.String for name in names}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


@pytest.fixture
def frames():
    return {
        "referentiel__implantations": counters(
            "service",
            ("05", POINT, "exact", "dila|caf", None, "DILA:1"),
            ("05", None, "illisible", "dila", None, None),
            ("05", POINT, None, "dila", "21690039900017", "DILA:2"),
            ("2A", POINT, "réparé", "dila", None, None),
        ),
        # The identifiers of the service that holds a permanence are not the permanence's.
        "referentiel__permanences": counters("permanence", ("05", None, "exact", "a|b", None, None)).with_columns(
            pl.lit("DILA:9").alias("service_id_dila")
        ),
        "referentiel__itinerances": counters("service"),
        "territories__departements": pl.DataFrame(
            {"code": ["48", "2A", "05"], "nom": ["Lozère", "Corse-du-Sud", "Hautes-Alpes"]}
        ),
    }


def test_each_departement_is_counted_those_without_counters_too(frames):
    assert measure(frames) == (
        Coverage(departement="05", nom="Hautes-Alpes", points=4, positions=2, horaires=2, identifiants=2, recoupes=2),
        Coverage(departement="2A", nom="Corse-du-Sud", points=1, positions=1, horaires=1, identifiants=0, recoupes=0),
        Coverage(departement="48", nom="Lozère", points=0, positions=0, horaires=0, identifiants=0, recoupes=0),
    )


def test_the_whole_is_the_sum(frames):
    assert total(measure(frames)) == {"points": 5, "positions": 3, "horaires": 3, "identifiants": 2, "recoupes": 2}
    assert total([])["points"] == 0
