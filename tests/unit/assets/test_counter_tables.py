"""From constats to the published tables: official shape, hosts, places, provenance, and contracts held."""

from datetime import date

import polars as pl
import pytest

from assets.referentiel.build import counter_tables
from assets.referentiel.harmonise import CONSTAT_COLUMNS
from assets.referentiel.identity import Memory
from sources.remontees_terrain.layout import CORRECTION_SCHEMA

_TYPES = {"rang_source": pl.Int64, "service_nb_heures_hebdo": pl.Float64, "lieu_longitude": pl.Float64}
_TYPES |= dict.fromkeys(("geocodage_score", "geocodage_longitude", "geocodage_latitude"), pl.Float64)
_TYPES |= {"geocodage_date": pl.Date, "lieu_latitude": pl.Float64, "date_maj": pl.Date, "date_source": pl.Date}
TODAY = date(2026, 3, 1)


def _constat(source, name, typologie, label, **values):
    return {
        **dict.fromkeys(CONSTAT_COLUMNS),
        "source": source,
        "id_source": name,
        "typologie": typologie,
        "service_typologie": label,
        "service_thematique": "Social",
        "service_nom": f"{label} {name}",
        "service_categorie_niveau_d_ouverture": "Non connu",
        "rang_source": 0,
        "lieu_code_insee": "05001",
        "lieu_code_departement": "05",
        "lieu_longitude": 6.0,
        "lieu_latitude": 44.0,
        "date_source": date(2026, 1, 1),
        **values,
    }


@pytest.fixture(scope="module")
def tables():
    rows = [
        _constat("dila", "m1", "mairie", "Mairie"),
        _constat("dila", "fs1", "france_services", "France services"),
        _constat("france_services", "1", "france_services", "France services", rang_source=1),
        _constat("caf", "c1", "caf", "Caisse d'allocations familiales (Caf)", type_structure="Permanence"),
        _constat("dila", "loin", "sip", "Service des impôts des particuliers (SIP)", lieu_longitude=6.01),
        _constat(
            "dila",
            "sans",
            "adil",
            "Agence départementale d'information sur le logement (Adil)",
            lieu_longitude=None,
            lieu_latitude=None,
        ),
        _constat("france_services", "bus", "france_services", "France services", type_structure="Itinérance"),
        _constat(
            "cartosp",
            "PERMPUBL0000000000000006@SERVPUBL0000000000004980",
            "ccss",
            "Caisse commune de Sécurité sociale (CCSS)",
            type_structure="Permanence",
            id_officiel="PERMPUBL0000000000000006@SERVPUBL0000000000004980",
            hote_id="DILA:loin",
            lieu_longitude=6.02,
        ),
    ]
    schema = {c: _TYPES.get(c, pl.String) for c in CONSTAT_COLUMNS}
    constats = pl.DataFrame(rows, schema=schema).with_columns(
        pl.when(pl.col("source") == "dila").then(pl.format("DILA:{}", "id_source")).alias("service_id_dila")
    )
    groups = constats.select("source", "id_source", "typologie").with_columns(
        pl.Series("groupe_id", [0, 1, 1, 2, 3, 4, 5, 6], dtype=pl.Int64)
    )
    communes = pl.DataFrame({"code": ["05001"], "epci": ["240500439"]})
    nothing = pl.DataFrame(schema=CORRECTION_SCHEMA)
    return counter_tables(constats, groups, communes, nothing, memory=Memory.empty(), today=TODAY)


def _row(frame, **where):
    ((column, value),) = where.items()
    return frame.row(by_predicate=pl.col(column) == value, named=True)


def test_each_counter_is_in_the_table_of_its_type(tables):
    heights = {n.split("__")[1]: tables[n].height for n in tables}
    assert (heights["implantations"], heights["permanences"], heights["itinerances"]) == (4, 2, 1)


def test_two_records_of_one_counter_are_one_row_with_its_origins(tables):
    row = _row(tables["referentiel__implantations"], service_typologie="France services")
    assert row["sources"] == "dila|france_services"
    assert row["service_id"] == row["point_accueil_id"]
    assert row["lieu_code_epci"] == "240500439"
    origins = tables["referentiel__provenance"].filter(pl.col("point_accueil_id") == row["point_accueil_id"])
    assert set(origins["champ"]) == {"nom", "lieu"}


def test_services_at_one_door_share_a_place_and_the_bus_does_not(tables):
    places = tables["referentiel__lieux"]
    shared = places.filter(pl.col("nb_services") > 1).row(0, named=True)
    assert shared["nb_services"] == 3
    assert shared["lieu_nom"].startswith("France services")
    bus = tables["referentiel__itinerances"].row(0, named=True)
    assert bus["lieu_id"] != shared["lieu_id"]
    assert places["nb_services"].sum() == 7


def test_a_permanence_is_hosted_by_the_france_services_of_its_place(tables):
    row = (
        tables["referentiel__permanences"].filter(pl.col("permanence_typologie").str.contains("Caf")).row(0, named=True)
    )
    host = _row(tables["referentiel__implantations"], service_typologie="France services")
    assert row["service_id"] == host["service_id"]
    assert row["permanence_id"].startswith("CSPPERM")
    assert row["permanence_id"][7:] == row["point_accueil_id"][7:]


def test_a_host_named_by_the_feed_wins_over_the_place(tables):
    row = (
        tables["referentiel__permanences"]
        .filter(pl.col("permanence_typologie").str.contains("CCSS"))
        .row(0, named=True)
    )
    host = (
        tables["referentiel__implantations"].filter(pl.col("service_typologie").str.contains("SIP")).row(0, named=True)
    )
    assert row["service_id"] == host["service_id"]
    assert row["permanence_id"] == "PERMPUBL0000000000000006"


def test_a_counter_nobody_places_is_published_without_a_point(tables):
    row = (
        tables["referentiel__implantations"].filter(pl.col("service_typologie").str.contains("Adil")).row(0, named=True)
    )
    assert row["geometrie"] is None
    assert row["lieu_id"].startswith("CSPLIEU")


def test_every_id_is_in_the_registry_and_every_record_is_bridged(tables):
    registry, bridges = tables["referentiel__registre"], tables["referentiel__ponts"]
    ids = pl.concat(
        tables[f"referentiel__{n}"]["point_accueil_id"] for n in ("implantations", "permanences", "itinerances")
    )
    assert set(registry.filter(pl.col("nature") == "service")["id"]) == set(ids)
    assert set(registry.filter(pl.col("nature") == "lieu")["id"]) == set(tables["referentiel__lieux"]["lieu_id"])
    assert bridges.filter(pl.col("source").is_in(["dila", "france_services", "caf", "cartosp"])).height == 8
