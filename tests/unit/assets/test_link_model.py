"""The linking model: its file, its estimation without labels, its comparisons; the words it compares."""

import json

import numpy as np
import polars as pl
import pytest

from assets.referentiel.harmonise import CONSTAT_COLUMNS
from assets.referentiel.link.comparisons import COMPARISONS
from assets.referentiel.link.estimation import estimate_from
from assets.referentiel.link.model import CLASSES, MODEL_FILE, Thresholds, linking_model, load_model, save_model, score
from assets.referentiel.link.rules import linking_rules, load_rules
from assets.referentiel.link.traits import numbered, traits
from assets.referentiel.typology import typologies
from pipeline.foundations.errors import WrongUse
from sources.registry import all_sources


def _constats(rows):
    number = {"rang_source": pl.Int64, "service_nb_heures_hebdo": pl.Float64}
    number |= dict.fromkeys(("lieu_longitude", "lieu_latitude"), pl.Float64)
    full = [{**dict.fromkeys(CONSTAT_COLUMNS), "lieu_code_departement": "05", **row} for row in rows]
    return pl.DataFrame(full, schema={c: number.get(c, pl.String) for c in CONSTAT_COLUMNS})


def _known(**values):
    row = {"source": "x", "id_source": "1", "typologie": "france_services", "service_typologie": "France services"}
    row |= {"lieu_code_insee": "05166", "service_nom": "France services Serres"}
    return traits(numbered(_constats([{**row, **values}])), linking_rules()).row(0, named=True)


@pytest.mark.parametrize(
    ("name", "address", "words", "bodies"),
    [
        ("France services de Serres", "1 rue Neuve 05700 Serres", [], []),
        ("France Services Buëch Dévoluy", "1 rue Neuve 05700 Serres", ["buech", "devoluy"], []),
        ("Maison de services au public (Bureau de Poste) - Serres", "1 rue Neuve 05700 SERRES CEDEX 2", [], ["poste"]),
        ("France services St-Sever", "1 rue Neuve 05700 Serres", ["saint", "sever"], []),
        ("Espaces France Services - Médiathèque", None, [], ["bibliotheque"]),
    ],
)
def test_what_is_left_of_a_name(name, address, words, bodies):
    row = _known(service_nom=name, lieu_adresse=address)
    assert (row["mots"], row["organismes"]) == (words, bodies)


@pytest.mark.parametrize(
    ("address", "number", "street"),
    [
        ("12 bis av. du Gal de Gaulle 05000 Gap", "12", ["gaulle", "general"]),
        ("16A avenue de la Liberté 68000 Colmar", "16", ["liberte"]),
        ("0 rue des Jardins 05700 Serres", None, ["jardins"]),
        ("Place du 8 mai 1945 05000 Gap", None, ["1945", "8", "mai"]),
        ("CS 90341 72301 Sablé-sur-Sarthe Cedex 1", None, None),
        ("BP 46 14140 Livarot", None, None),
        (None, None, None),
    ],
)
def test_street_and_number(address, number, street):
    row = _known(lieu_adresse=address)
    assert (row["numero"], row["voie"]) == (number, street)


@pytest.mark.parametrize(
    ("text", "phones"),
    [
        ("04 92 00 00 01", ["492000001"]),
        ("+33492000001", ["492000001"]),
        ("0492000001 / 06 00 00 00 02", ["492000001", "600000002"]),
        ("04920000010600000002", ["492000001", "600000002"]),
        ("+590 590 00 00 03", ["590000003"]),
        ("3949", None),
        ("08 10 25 07 80", None),
        (None, None),
    ],
)
def test_phones(text, phones):
    assert _known(telephone=text)["telephones"] == phones


def test_the_phone_of_a_network_is_nobodys():
    rows = [
        {
            "source": "x",
            "id_source": str(i),
            "typologie": "caf",
            "lieu_code_insee": f"0500{i}",
            "telephone": "0492000001",
        }
        for i in range(3)
    ]
    assert traits(numbered(_constats(rows)), linking_rules())["telephones"].to_list() == [None] * 3


def test_the_rules_speak_of_known_typologies_and_feeds():
    rules, known = linking_rules(), typologies().typologies
    named = {f.typologie for f in rules.familles} | {f.famille for f in rules.familles} | set(rules.siret_propre)
    named |= {t for n in rules.natures for t in n.typologies} | set(rules.un_par_commune) | set(rules.mots_de_typologie)
    assert named | set(rules.hotes) | set(rules.familles_de_lieux) <= set(known)
    assert set(rules.partenaires.values()) | set(rules.agregateurs) <= set(all_sources())
    assert {host for hosts in rules.hotes.values() for host in hosts} <= set(rules.organismes)


def test_the_model_of_the_project_is_of_todays_comparisons():
    model = load_model(MODEL_FILE)
    assert set(model.classes) == set(CLASSES)
    for name in CLASSES:
        for levels in model.classes[name].comparaisons.values():
            assert sum(level.m for level in levels) == pytest.approx(1, abs=0.01)
    best = model.weights().filter(
        pl.col("niveau").is_in(["même numéro et même voie", "moins de 50 m", "même téléphone"])
    )
    worst = model.weights().filter(pl.col("niveau").is_in(["mots différents", "3000 m ou plus", "voies différentes"]))
    assert best["poids"].min() > 3
    assert worst["poids"].max() < -1


def test_a_file_of_other_comparisons_is_refused(tmp_path):
    path = tmp_path / "modele.json"
    save_model(linking_model(), path)
    assert path.read_bytes() == MODEL_FILE.read_bytes()
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["classes"]["lieu"]["comparaisons"]["nom"]
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(WrongUse, match="class lieu"):
        load_model(path)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(WrongUse, match="csp link estimate"):
        load_model(path)


def test_a_bad_file_of_rules_is_refused(tmp_path):
    path = tmp_path / "regles.yml"
    path.write_text("familles: [{typologie: mairie, famille: mairie, motif: '('}]", encoding="utf-8")
    with pytest.raises(WrongUse, match="linking rules"):
        load_rules(path)


def _two_feeds(counters=900, seed=3):
    """Two fictional feeds, of which half the counters are the same, in communes that hold three of them each."""
    random = np.random.default_rng(seed)
    words = [f"mot{i}" for i in range(400)]
    rows = []
    for typologie in ("france_services", "mediation_numerique"):
        for i in range(counters):
            commune, place = f"{i // 3:05d}", random.integers(1, 90)
            name, street = words[random.integers(400)], words[random.integers(400)]
            x, y = 5 + random.normal(0, 0.02), 44 + random.normal(0, 0.02)
            for source in ("dila", "conseillers_numeriques"):
                if source == "conseillers_numeriques" and i % 2:
                    name, street, place, x = (
                        words[random.integers(400)],
                        words[random.integers(400)],
                        place + 7,
                        x + 0.03,
                    )
                rows.append(
                    {
                        "source": source,
                        "id_source": f"{source}{i}",
                        "typologie": typologie,
                        "service_nom": f"Accueil {name}",
                        "lieu_code_insee": commune,
                        "lieu_adresse": f"{place} rue {street} {commune} Ville",
                        "lieu_longitude": x + random.normal(0, 0.0001),
                        "lieu_latitude": y,
                        "telephone": f"04 92 {i // 100:02d} {i % 100:02d} {random.integers(3):02d}",
                    }
                )
    return _constats(rows)


@pytest.fixture(scope="module")
def feeds():
    return _two_feeds()


def test_estimation_sees_no_label_and_tells_same_from_other(feeds):
    model = estimate_from(feeds, Thresholds(entre_sources=5, dans_une_source=13))
    known = traits(numbered(feeds), linking_rules())
    pairs = score(known, model).filter(~pl.col("interne"))
    ids = known.select("_i", pl.col("id_source").str.extract(r"(\d+)$").cast(pl.Int64).alias("n"))
    judged = pairs.join(ids, left_on="a", right_on="_i").join(ids, left_on="b", right_on="_i", suffix="_b")
    same = (pl.col("n") == pl.col("n_b")) & (pl.col("n") % 2 == 0)
    linked = pl.col("score") > 5
    right = judged.select(
        (same & linked).sum().alias("both"), linked.sum().alias("linked"), same.sum().alias("same")
    ).row(0)
    assert right[0] / right[1] > 0.97
    assert right[0] / right[2] > 0.97


def test_estimation_is_deterministic(feeds):
    thresholds = Thresholds(entre_sources=5, dans_une_source=13)
    assert estimate_from(feeds, thresholds) == estimate_from(feeds.reverse(), thresholds)


def test_estimation_refuses_too_little(feeds):
    with pytest.raises(WrongUse, match="candidate pairs"):
        estimate_from(feeds.head(50), Thresholds(entre_sources=5, dans_une_source=13))


def test_every_comparison_has_distinct_levels():
    assert len({c.name for c in COMPARISONS}) == len(COMPARISONS)
    assert all(len(set(c.level_names)) == len(c.level_names) for c in COMPARISONS)
