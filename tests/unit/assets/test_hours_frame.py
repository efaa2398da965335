"""`harmonise_hours` on frames, and the shares understood on the real feeds."""

import json
from pathlib import Path

import fastexcel
import polars as pl
import pytest
from opening_hours import validate

from assets.referentiel.hours import Hours, harmonise_hours, interpret

ADDED = {
    "service_horaires_ouverture": pl.String(),
    "service_nb_heures_hebdo": pl.Float64(),
    "service_categorie_niveau_d_ouverture": pl.String(),
    "service_modalite_d_accueil": pl.String(),
    "horaires_qualite": pl.String(),
    "horaires_regles": pl.List(pl.String()),
    "horaires_texte": pl.String(),
}
SCHEMA = {"id": pl.Int64, "horaires": pl.String, "horaires_format": pl.String, "horaires_note": pl.String}


def test_rows_keep_their_order_and_columns() -> None:
    rows = [
        (1, "Mo,Th-Tu,Fr 09:00-12:00", "osm", None),
        (2, None, None, None),
        (3, '{"lundi": "09:00 - 12:00", "mardi": "Fermé"}', "jours", "Sur rendez-vous"),
        (4, "Mo,Th-Tu,Fr 09:00-12:00", "osm", None),
        (5, "4 jours", "motif", None),
    ]
    frame = harmonise_hours(pl.DataFrame(rows, schema=SCHEMA, orient="row"))
    assert frame["id"].to_list() == [1, 2, 3, 4, 5]
    assert dict(frame.schema) == {**{k: v() for k, v in SCHEMA.items()}, **ADDED}
    assert frame["service_horaires_ouverture"].to_list() == [
        "Mo-Tu,Th-Fr 09:00-12:00",
        None,
        'Mo 09:00-12:00 open "sur rendez-vous"',
        "Mo-Tu,Th-Fr 09:00-12:00",
        None,
    ]
    assert frame["service_nb_heures_hebdo"].to_list() == [12.0, None, 3.0, 12.0, None]
    assert frame["service_categorie_niveau_d_ouverture"].to_list() == [
        "Entre 10h et 24h",
        "Non connu",
        "Moins de 10h",
        "Entre 10h et 24h",
        "Non connu",
    ]
    assert frame["horaires_texte"].to_list() == [
        "Mo,Th-Tu,Fr 09:00-12:00",
        None,
        "lundi : 09:00 - 12:00 ; mardi : Fermé — Sur rendez-vous",
        "Mo,Th-Tu,Fr 09:00-12:00",
        "4 jours",
    ]


def test_ranges_are_rendered_in_french() -> None:
    plage = {
        "nom_jour_debut": "Lundi",
        "nom_jour_fin": "Jeudi",
        "valeur_heure_debut_1": "'08:30:00",
        "valeur_heure_fin_1": "12:00:00",
        "valeur_heure_debut_2": "13:30:00",
        "valeur_heure_fin_2": "17:30:00",
        "commentaire": "Également sur rendez-vous.",
    }
    frame = harmonise_hours(pl.DataFrame([(1, json.dumps([plage]), "plages_dila", None)], schema=SCHEMA, orient="row"))
    assert frame["horaires_texte"].item() == "lundi-jeudi : 08:30-12:00, 13:30-17:30 (Également sur rendez-vous.)"


def test_empty_frame() -> None:
    frame = harmonise_hours(pl.DataFrame(schema=SCHEMA))
    assert frame.height == 0
    assert set(ADDED) <= set(frame.columns)


def test_each_distinct_text_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str | None] = []

    def counted(text: str | None, *rest: str | None) -> Hours:
        read.append(text)
        return interpret(text, *rest)

    monkeypatch.setattr("assets.referentiel.hours.frame.interpret", counted)
    texts = [json.dumps({"lundi": f"{8 + n % 3:02d}:{n % 60:02d} - 12:00"}) for n in range(200)]
    rows = [(n, text, "jours", None) for n, text in enumerate(texts * 3)]
    frame = harmonise_hours(pl.DataFrame(rows, schema=SCHEMA, orient="row"))
    assert sorted(map(str, read)) == sorted(set(texts))
    assert frame["service_horaires_ouverture"].null_count() == 0


@pytest.mark.reel
def test_official_pilot_files_are_understood(real_data: Path) -> None:
    texts: set[str] = set()
    for path in sorted((real_data / "cartosp").glob("*.xlsx")):
        book = fastexcel.read_excel(path)
        for sheet in book.sheet_names:
            frame = book.load_sheet(sheet).to_polars()
            for column in ("service_horaires_ouverture", "permanence_horaires"):
                if column in frame.columns:
                    texts |= {t for t in frame[column].cast(pl.String).to_list() if t and t.strip()}
    assert len(texts) > 250
    read = {text: interpret(text, "osm") for text in texts}
    assert [text for text, hours in read.items() if hours.qualite == "illisible"] == []
    assert all(validate(hours.osm or "") for hours in read.values())
    crossed = [hours for hours in read.values() if "jours-croises" in hours.regles]
    assert len(crossed) >= 25


@pytest.mark.reel
def test_mednum_hours_are_understood(real_data: Path) -> None:
    texts: set[str] = set()
    for path in [
        *(real_data / "services" / "mednum-standard").glob("*.json"),
        *(real_data / "services").glob("cnfs-*/*.json"),
    ]:
        texts |= {row["horaires"] for row in json.loads(path.read_text(encoding="utf-8")) if row.get("horaires")}
    read = [interpret(text, "osm") for text in texts]
    unreadable = sum(hours.qualite == "illisible" for hours in read)
    assert unreadable <= 0.01 * len(read)
    assert all(hours.osm is None or validate(hours.osm) for hours in read)
