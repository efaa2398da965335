"""The changes told in French: what a person must learn, bounded, and no text of a feed obeyed."""

import polars as pl
import pytest

from assets.release.changes import notes
from assets.release.changes.diff import differences
from assets.release.changes.evidence import Evidence
from assets.release.changes.settings import note_settings, reason_settings
from assets.release.changes.summary import Summary
from assets.release.changes.write import DIFF, NOTES, tell, write_changes
from quality.contract import all_contracts
from quality.results import RuleResult
from quality.variation import load_thresholds
from quality.verdict import judge
from tests.editions import MAIRIE, POSTE, counter, edition, frame, provenance, source

COUNTERS, DISTANCES, PROVENANCE = "referentiel__implantations", "access__distances", "referentiel__provenance"
COMMUNES, DEPARTEMENTS = "territories__communes", "territories__departements"


def distances(*rows):
    shared = {"code_departement": "05", "typologie": POSTE, "statut": "calculée", "origine": "point intérieur"}
    return frame(
        DISTANCES, [{**shared, "code_insee": c, "service_id": s, "distance_vol_oiseau_m": m} for c, s, m in rows]
    )


@pytest.fixture
def story(tmp_path):
    """Post offices that close, one that moves, hours that change, a position that is lost; two communes."""
    offices = [counter(f"P{i}", POSTE, service_nom=f"Bureau {i}", lieu_adresse=f"{i} rue X") for i in range(12)]
    alone = counter("S", POSTE, lieu_code_insee="05046", service_nom="Bureau | *seul*\n<b>", lieu_adresse="a")
    moved = counter("M", MAIRIE, service_nom="Mairie de Névache", lieu_adresse="b")
    lost, longer = counter("L", MAIRIE, service_nom="Mairie L"), counter("H", MAIRIE, service_nom="Mairie H")
    others = [counter(f"Z{i:02}") for i in range(40)]
    old = [*offices, alone, moved, lost, longer, *others]
    new = [
        *offices[:4],
        {**moved, "lieu_longitude": 6.70, "lieu_adresse": "2 route Neuve"},
        {**lost, "lieu_longitude": None, "lieu_latitude": None},
        {**longer, "service_nb_heures_hebdo": 21.5, "horaires_texte": "tous les jours"},
        counter("N", "Préfecture"),
        *others,
    ]
    known = [(i, c, "dila", i) for i in "MLH" for c in ("lieu", "horaires")]
    places = {
        COMMUNES: frame(
            COMMUNES,
            [
                {"code": "05023", "nom": "Briançon", "departement": "05", "population": 11000},
                {"code": "05046", "nom": "Embrun", "departement": "05", "population": 6000},
            ],
        ),
        DEPARTEMENTS: frame(DEPARTEMENTS, [{"code": "05", "nom": "Hautes-Alpes", "communes": 2}]),
        PROVENANCE: provenance(known),
    }
    before, after = (
        edition(
            tmp_path / name,
            f"2026.0{i}.01",
            {COUNTERS: frame(COUNTERS, rows), DISTANCES: measured, **places},
            sources=(source("dila", name),),
        )
        for i, (name, rows, measured) in enumerate(
            (
                ("a", old, distances(("05023", "P5", 100.0), ("05046", "S", 100.0))),
                ("b", new, distances(("05023", "P1", 150.0), ("05046", "P1", 42000.0))),
            ),
            start=1,
        )
    )
    return before, after


def told(story):
    before, after = story
    return tell(before, after, differences(before, after))


def test_a_person_learns_what_changed_and_why(story):
    full, short = told(story)
    for text in (
        "# Ce qui change de la version 2026.01.01 à la version 2026.02.01",
        "> **Données fictives.**",
        "48 points d’accueil, contre 56 : 1 apparu, 9 disparus, 3 modifiés.",
        "| Dila | nouvelle édition | fichier du 05/01/2026, 100 enregistrements |",
        "Le code est le même.",
        "| La Poste | 13 | 4 | −9 | 0 | 9 |",
        "| Hautes-Alpes (05) | 56 | 48 | −8 | 1 | 9 |",
        "- La Poste : 13 → 4 (−9, −69,2\u202f%)",
        "- Hautes-Alpes (05) : 56 → 48 (−8, −14,3\u202f%)",
        "Embrun (05046) — offre ; la commune n'a plus aucun point d'accueil",
        "- Mairie de Névache, Briançon (05023) : 4,7 km — offre",
        "- Mairie L, Briançon (05023) — correction",
        "- Mairie H, Briançon (05023) : 15 h → 21,5 h — offre",
        "| La Poste | 1 | 6\u202f000 | 0 | 0 | offre |",
        "`registre` (donné en entier dans changements/ ; il porte ses propres dates)",
    ):
        assert text in full, text
    assert "Depuis la version 2026.01.01. 48 points d’accueil" in short
    assert "| offre | 1 | 9 | 0 | 2 |" in short
    assert full == told(story)[0]


def test_text_of_feeds_is_shown_and_not_obeyed(story):
    full, _ = told(story)
    assert r"Bureau \| \*seul\* \<b\> (La Poste), Embrun" in full


def test_lists_are_bounded(story):
    before, after = story
    few = note_settings().model_copy(update={"lignes": 1})
    summary = Summary(before, after, differences(before, after), few)
    full = notes.full(summary, Evidence(before, after, reason_settings(), load_thresholds()), ())
    assert "… et 1 autre." in full
    assert max(len(line) for line in full.splitlines()) < 500


def test_accepted_breaches_are_quoted(story):
    _, after = story
    result = RuleResult(
        source="dila",
        regle="dila.code.cij.variation",
        titre="T",
        gravite="blocage",
        statut="accepté",
        observe="1 348 → 1 141",
        attendu="peu",
        acceptation="Vérifié avec le producteur (DILA, 26/11/2026)",
    )
    (after.folder / "qualite").mkdir()
    judge("k", [result]).write(after.folder / "qualite" / "verdict.json")
    full, _ = told(story)
    assert "- `dila.code.cij.variation` : 1 348 → 1 141. Motif : Vérifié avec le producteur (DILA, 26/11/2026)." in full


def test_a_first_release_says_so_and_has_no_diff(story):
    before, _ = story
    assert write_changes(None, before) == "Première version : il n'y a rien à quoi la comparer.\n"
    assert (before.folder / NOTES).read_text(encoding="utf-8").startswith("Première version")
    assert sorted(p.name for p in (before.folder / "changements").iterdir()) == [
        "notes.md",
        "ponts.parquet",
        "registre.parquet",
    ]


def test_the_files_of_the_next_one(story):
    before, after = story
    said = write_changes(before, after)
    assert said.startswith("Depuis la version 2026.01.01.")
    lines = pl.read_parquet(after.folder / DIFF)
    assert lines.columns == list(all_contracts()["release__diff"].polars_schema)
    assert pl.read_parquet_metadata(after.folder / DIFF)["version_precedente"] == "2026.01.01"
    assert (after.folder / "changements" / "ponts.parquet").read_bytes() == (
        after.folder / "geoparquet" / "ponts.parquet"
    ).read_bytes()
