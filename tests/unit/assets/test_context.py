"""Territories and indicators: former communes brought together, silence kept, sums that add up at every level."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
import shapely
import yaml
from hypothesis import given
from hypothesis import strategies as st

from assets.territories import context_tables as names
from assets.territories.aggregate import indicators_of_zones
from assets.territories.context import SCHEMA, Pairs, indicators_of_communes
from assets.territories.figures import Figure, areas, of_cells, of_communes, of_list
from assets.territories.indicators import Indicator, load_settings, settings
from assets.territories.quarters import quarters
from assets.territories.zones import Members, Origin, members, membership, zones
from pipeline.foundations.errors import WrongUse
from pipeline.foundations.issues import IssueLog
from quality.contract import all_contracts
from sources.contexte.mapping import ListOptions
from sources.contexte.read import PUBLISHED, SECRET, UNAVAILABLE
from sources.contexte.read import SCHEMA as TOLD

CODES = pl.Series("code", ["05001", "05002", "05003", "59350"])
PASSAGE = pl.DataFrame(
    [
        ("05901", "05001", "mouvement", None),
        ("05902", None, "scission", ["05002", "05003"]),
        ("05003", "05003", "scission", ["05003", "05004"]),
        ("69381", "69123", "arrondissement-municipal", None),
        ("69123", "69123", "x", None),
    ],
    schema={"code_ancien": pl.String, "code": pl.String, "type": pl.String, "candidats": pl.List(pl.String)},
    orient="row",
)
OPTIONS = ListOptions.model_validate(
    {
        "code": "CODGEO",
        "mesures": {
            "menages": {"colonne": "A", "nature": "effectif"},
            "taux": {"colonne": "B", "nature": "taux", "poids": "menages"},
            "note": {"colonne": "C", "nature": "indice"},
            "zone": {"colonne": "D", "nature": "texte"},
        },
    }
)


def told(*rows: tuple[Any, ...]) -> pl.DataFrame:
    """(code, measure, value or word or None, status when there is nothing)"""
    records = []
    for code, measure, value, *status in rows:
        word = value if isinstance(value, str) else None
        number = None if isinstance(value, str) or value is None else float(value)
        said = status[0] if status else PUBLISHED if value is not None else UNAVAILABLE
        records.append(("commune", code, measure, number, word, said, "2022"))
    return pl.DataFrame(records, schema=TOLD, orient="row")


def current(*rows: tuple[Any, ...], codes: pl.Series = CODES) -> tuple[Mapping[str, Figure], list[tuple[str, ...]]]:
    log = IssueLog("territoires")
    figures = of_list(told(*rows), OPTIONS, "contexte_essai", codes, PASSAGE, log)
    return figures, log.frame().select("id_source", "regle").rows()


# --- figures at the communes in force ------------------------------------------------------------------------------


def test_former_communes_are_brought_together() -> None:
    figures, _ = current(
        *[("05001", "menages", 30), ("05901", "menages", 10)],
        *[("05001", "taux", 10), ("05901", "taux", 50)],
        *[("05001", "zone", "classée"), ("05901", "zone", "non classée")],
        *[("05001", "note", 3), ("05901", "note", 3), ("59350", "note", 7)],
    )
    assert figures["menages"].values.to_list() == [40, None, None, None]
    assert figures["taux"].values.to_list() == [20, None, None, None]  # (30 × 10 + 10 × 50) / 40
    assert figures["zone"].words.to_list() == ["classée", None, None, None]  # of the part that gave its code
    assert figures["note"].values.to_list() == [3, None, None, 7]
    assert (figures["taux"].source, figures["taux"].millesime) == ("contexte_essai", "2022")


def test_a_part_that_is_not_known_leaves_the_whole_unknown() -> None:
    figures, _ = current(
        *[("05001", "menages", 30), ("05901", "menages", None)],
        *[("05001", "taux", 10), ("05901", "taux", None, SECRET)],
    )
    assert figures["menages"].values[0] is None
    assert not figures["menages"].secret[0]
    assert figures["taux"].values[0] is None
    assert figures["taux"].secret.to_list() == [True, False, False, False]


def test_values_that_do_not_combine_are_said() -> None:
    figures, issues = current(("05001", "note", 3), ("05901", "note", 4), ("05002", "note", 1))
    assert figures["note"].values.to_list() == [None, 1, None, None]
    assert ("05001", "fusion-sans-poids") in issues


def test_a_split_commune_gives_its_figures_to_nobody_unless_the_table_knows_its_parts() -> None:
    figures, issues = current(("05902", "menages", 9), ("05003", "menages", 8), ("05002", "menages", 7))
    assert figures["menages"].values.to_list() == [None, 7, None, None]
    assert {("05902", "code-scinde"), ("05003", "code-scinde")} <= set(issues)
    codes = pl.Series("code", ["05003", "05004"])
    figures, issues = current(("05003", "menages", 8), ("05004", "menages", 2), codes=codes)
    assert figures["menages"].values.to_list() == [8, 2]
    assert issues == []


def test_districts_stand_for_their_commune_only_when_it_is_not_told() -> None:
    codes = pl.Series("code", ["69123"])
    alone, issues = current(("69381", "menages", 5), codes=codes)
    assert alone["menages"].values.to_list() == [5]
    both, issues = current(("69381", "menages", 5), ("69123", "menages", 20), codes=codes)
    assert both["menages"].values.to_list() == [20]
    assert issues == []


def test_what_leads_nowhere_and_what_is_missing_are_said() -> None:
    _, issues = current(
        ("99999", "menages", 1), ("05001", "menages", 1), ("05002", "menages", 1), ("59350", "menages", 1)
    )
    assert issues == [("99999", "commune-inconnue"), ("05003", "commune-sans-chiffre")]
    _, issues = current(*((code, "menages", 1) for code in ("05001", "05002", "05003", "05004")))
    assert issues == [("05004", "commune-inconnue"), ("59", "departement-sans-chiffre")]


def test_areas_are_measured_in_the_system_of_the_territory() -> None:
    """A square of a tenth of a degree: its surface follows the cosine of its latitude, whatever the projection."""
    corners = [("05", 6.0, 44.5), ("59", 3.0, 50.6), ("971", -61.5, 16.2), ("974", 55.5, -21.1), ("984", 70.0, -49.0)]
    squares = [shapely.to_wkb(shapely.multipolygons([shapely.box(x, y, x + 0.1, y + 0.1)])) for _, x, y in corners]
    frame = pl.DataFrame({"departement": [d for d, *_ in corners], "geometrie": squares})
    found = areas(pl.concat([frame, pl.DataFrame({"departement": ["05"], "geometrie": [None]}, schema=frame.schema)]))
    for area, (_, _, y) in zip(found.to_list()[:4], corners, strict=False):
        assert area == pytest.approx(11.12**2 * np.cos(np.radians(y + 0.05)), rel=0.012)
    assert found.to_list()[4:] == [None, None]  # no system; no outline


def test_cells_are_summed_unless_one_is_not_known() -> None:
    cells = pl.DataFrame(
        {
            "commune": ["05001", "05001", "05002", "05002"],
            "men": [1.0, 2.0, 3.0, None],
            "taille_m": [200] * 4,
            "millesime": ["2021"] * 4,
        }
    )
    (figure,) = of_cells(cells, CODES, ["men"], {200: "carreaux_200m", 1000: "carreaux_1km"}).values()
    assert figure.values.to_list() == [3, None, None, None]
    assert (figure.source, figure.millesime) == ("carreaux_200m", "2021")
    assert of_cells(cells.clear(), CODES, ["men"], {}) == {}


# --- indicators of communes ----------------------------------------------------------------------------------------


def figure(*values: Any, secret: tuple[bool, ...] = (), source: str = "a", vintage: str | None = "2022") -> Figure:
    words = [v if isinstance(v, str) else None for v in values]
    numbers = [None if isinstance(v, str) or v is None else float(v) for v in values]
    return Figure(
        pl.Series(numbers, dtype=pl.Float64),
        pl.Series(words, dtype=pl.String),
        pl.Series(secret or [False] * len(values), dtype=pl.Boolean),
        source,
        vintage,
    )


def indicator(*formulas: dict[str, Any], factor: float = 100, decimals: int = 2) -> Indicator:
    return Indicator.model_validate(
        {
            "code": "essai",
            "titre": "Essai",
            "thematique": "Essai",
            "unite": "%",
            "decimales": decimals,
            "facteur": factor,
            "agregation": "rapport des sommes",
            "formules": formulas,
        }
    )


def of(indicator: Indicator, **figures: Figure) -> list[tuple[Any, ...]]:
    """`valeur, numerateur, denominateur, statut, source` of communes; figures are named `source__measure`."""
    named = {name.replace("__", "."): value for name, value in figures.items()}
    number = len(next(iter(figures.values())).values) if figures else 2
    communes = pl.Series([f"{5001 + n:05d}" for n in range(number)])
    frame = indicators_of_communes((indicator,), communes, named, {})
    assert frame.schema == SCHEMA
    return frame.select("valeur", "numerateur", "denominateur", "statut", "source").rows()


def test_a_ratio_keeps_what_adds_up() -> None:
    ratio = indicator({"numerateur": ["a.x", "-a.y"], "denominateur": ["a.z"]})
    assert of(ratio, a__x=figure(5, 5, None), a__y=figure(1, 1, 1), a__z=figure(16, 0, 8)) == [
        (25.0, 4.0, 16.0, PUBLISHED, "a"),
        (None, None, None, UNAVAILABLE, None),  # nothing to divide by
        (None, None, None, UNAVAILABLE, None),
    ]


def test_a_value_published_is_kept_as_it_is() -> None:
    mean = indicator({"valeur": "a.taux", "poids": "b.menages"})
    found = of(
        mean,
        a__taux=figure(12.346, 10, None, secret=(False, False, True)),
        b__menages=figure(200, None, 5, source="b"),
    )
    assert found == [
        (12.35, pytest.approx(24.692), 200.0, PUBLISHED, "a, b"),
        (10.0, None, None, PUBLISHED, "a, b"),  # known, though nothing weighs it
        (None, None, None, SECRET, "a, b"),
    ]


def test_the_first_formula_that_gives_a_value_is_the_one() -> None:
    both = indicator(
        {"valeur": "a.taux", "poids": "a.n"}, {"numerateur": ["c.pauvres"], "denominateur": ["c.men"], "poids": "c.ind"}
    )
    found = of(
        both,
        a__taux=figure(10, None, None, None, secret=(False, True, True, False)),
        a__n=figure(100, 100, 100, 100),
        c__pauvres=figure(1, 2, None, None, source="c"),
        c__men=figure(4, 8, 8, 8, source="c"),
        c__ind=figure(9, 20, 20, 20, source="c"),
    )
    assert found == [
        (10.0, 10.0, 100.0, PUBLISHED, "a"),
        (25.0, 5.0, 20.0, PUBLISHED, "c"),  # weighed by people, as the first formula is
        (None, None, None, SECRET, "a"),
        (None, None, None, UNAVAILABLE, None),
    ]


def test_without_its_source_an_indicator_is_not_available() -> None:
    assert of(indicator({"numerateur": ["a.x"], "denominateur": ["a.y"]})) == [
        (None, None, None, UNAVAILABLE, None),
        (None, None, None, UNAVAILABLE, None),
    ]


def test_counts_and_zonings() -> None:
    assert of(indicator({"numerateur": ["a.x"]}, factor=1, decimals=0), a__x=figure(7, None)) == [
        (7.0, 7.0, None, PUBLISHED, "a"),
        (None, None, None, UNAVAILABLE, None),
    ]
    among = indicator({"mesure": "a.zone", "parmi": ["classée", "partiellement classée"]})
    assert of(among, a__zone=figure("classée", "non classée", None)) == [
        (100.0, 1.0, 1.0, PUBLISHED, "a"),
        (0.0, 0.0, 1.0, PUBLISHED, "a"),
        (None, None, None, UNAVAILABLE, None),
    ]


def test_objects_are_counted_and_their_absence_too() -> None:
    pairs = Pairs(pl.DataFrame({"commune": ["05001", "05001"], "objet": ["Q1", "Q2"]}), "qpv", "2024")
    counted = indicator({"objets": "qpv"}, factor=1, decimals=0)
    frame = indicators_of_communes((counted,), pl.Series(["05001", "05002"]), {}, {"qpv": pairs})
    assert frame["valeur"].to_list() == [2, 0]
    nobody_knows = indicators_of_communes((counted,), pl.Series(["05001"]), {}, {})
    assert nobody_knows["valeur"].to_list() == [None]


@pytest.mark.parametrize(
    ("formulas", "message"),
    [
        ([{"numerateur": ["a.x"]}, {"numerateur": ["a.x"], "denominateur": ["a.y"]}], "cannot stand for each other"),
        ([{"objets": "qpv"}, {"numerateur": ["a.x"]}], "`objets` is an indicator's only formula"),
        ([{"numerateur": ["a.x"], "poids": "a.y"}], "`poids` weighs a ratio"),
        ([{"numerateur": ["x"]}], "String should match pattern"),
        ([], "at least 1 item"),
    ],
)
def test_formulas_that_make_no_sense_are_told(formulas: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        indicator(*formulas)


# --- territories ---------------------------------------------------------------------------------------------------


def level(*pairs: tuple[str, str]) -> Members:
    return Members("epci", pl.DataFrame(list(pairs), schema=["code", "code_insee"], orient="row"))


def above(
    rows: pl.DataFrame,
    indicators: tuple[Indicator, ...],
    population: list[int | None],
    *levels: Members,
    **objects: Pairs,
) -> pl.DataFrame:
    codes = rows["code_insee"].unique().sort()
    people = pl.DataFrame({"code_insee": codes, "population": population}, schema_overrides={"population": pl.Int64})
    return indicators_of_zones(rows, indicators, levels, people, objects)


RATIO = indicator({"numerateur": ["a.x"], "denominateur": ["a.y"]}, decimals=6)


def ratios(x: list[float | None], y: list[float | None]) -> pl.DataFrame:
    codes = pl.Series([f"{5001 + n:05d}" for n in range(len(x))])
    return indicators_of_communes((RATIO,), codes, {"a.x": figure(*x), "a.y": figure(*y)}, {})


def test_a_territory_is_the_ratio_of_the_sums_of_what_is_known() -> None:
    frame = above(
        ratios([1, 30, None], [10, 100, 100]),
        (RATIO,),
        [100, 300, 600],
        level(("E1", "05001"), ("E1", "05002"), ("E1", "05003"), ("E2", "05003")),
    )
    zone = frame.filter(pl.col("niveau") == "epci").select("code", "valeur", "part_inconnue", "source").rows()
    assert zone == [("E1", pytest.approx(100 * 31 / 110, abs=1e-6), 0.6, "a"), ("E2", None, 1.0, None)]
    own = frame.filter(pl.col("niveau") == "commune").select("code", "valeur", "part_inconnue").rows()
    assert own == [("05001", 10.0, 0.0), ("05002", 30.0, 0.0), ("05003", None, 1.0)]


@pytest.mark.parametrize(
    ("population", "share"),
    [
        ([100, 300], 0.75),
        ([100, None], 0.5),  # unknown: weighs as the mean of the others
        ([None, None], 0.5),
        ([0, 0], 0.5),
        ([0, 10], 1.0),
        ([10, 0], 0.0),
    ],
)
def test_the_share_that_is_not_known(population: list[int | None], share: float) -> None:
    frame = above(ratios([1, None], [2, 2]), (RATIO,), population, level(("E", "05001"), ("E", "05002")))
    assert frame.filter(pl.col("niveau") == "epci")["part_inconnue"].to_list() == [share]


def test_an_object_that_straddles_two_communes_counts_once() -> None:
    counted = indicator({"objets": "qpv"}, factor=1, decimals=0)
    pairs = Pairs(pl.DataFrame({"commune": ["05001", "05002", "05002"], "objet": ["Q1", "Q1", "Q2"]}), "qpv", "2024")
    rows = indicators_of_communes((counted,), pl.Series(["05001", "05002", "05003"]), {}, {"qpv": pairs})
    here = level(("E", "05001"), ("E", "05002"), ("F", "05003"))
    frame = above(rows, (counted,), [1, 1, 1], here, qpv=pairs)
    assert frame.filter(pl.col("niveau") == "epci")["valeur"].to_list() == [2, 0]


AMOUNT = st.one_of(st.none(), st.integers(0, 10_000))


@given(st.lists(st.tuples(AMOUNT, AMOUNT, st.integers(0, 3), st.integers(0, 5000)), min_size=1, max_size=12))
def test_sums_over_a_partition_are_the_sum_of_the_whole(communes: list[tuple[Any, ...]]) -> None:
    x = [None if a is None or b is None else min(a, b) for a, b, _, _ in communes]
    y = [b for _, b, _, _ in communes]
    rows = ratios(x, y)
    codes = [f"{5001 + n:05d}" for n in range(len(communes))]
    parts = level(*((f"E{part}", code) for code, (_, _, part, _) in zip(codes, communes, strict=True)))
    whole = Members("france", pl.DataFrame({"code": "FR", "code_insee": codes}))
    frame = above(rows, (RATIO,), [p for *_, p in communes], parts, whole)

    inside = rows.join(parts.frame, on="code_insee")
    sums = inside.group_by("code").agg(pl.col("numerateur", "denominateur").sum())
    assert sums["numerateur"].sum() == rows["numerateur"].sum()
    assert sums["denominateur"].sum() == rows["denominateur"].sum()

    known = rows.drop_nulls("valeur")
    for code, value, share in (
        frame.filter(pl.col("niveau") != "commune").select("code", "valeur", "part_inconnue").rows()
    ):
        own = known if code == "FR" else known.filter(pl.col("code_insee").is_in(_codes(parts, code)))
        assert 0 <= share <= 1
        if own.is_empty():
            assert (value, share) == (None, 1.0)
        else:
            assert own["valeur"].min() - 1e-6 <= value <= own["valeur"].max() + 1e-6
            assert value == pytest.approx(100 * own["numerateur"].sum() / own["denominateur"].sum(), abs=1e-6)


def _codes(parts: Members, code: str) -> list[str]:
    return parts.frame.filter(pl.col("code") == code)["code_insee"].to_list()


def test_territories_hold_their_communes_and_bear_a_name() -> None:
    communes = pl.DataFrame(
        {
            "code": ["05001", "05002", "97501"],
            "epci": ["200000001", "200000001", None],
            "departement": ["05", "05", "975"],
            "region": ["93", "93", "975"],
            "population": [100, None, None],
        },
        schema_overrides={"population": pl.Int64},
    )
    arrondissements = pl.DataFrame({"code": ["05001", "05002"], "arrondissement": ["051", "051"]})
    zonings = {
        "bassin_vie": figure("05001", "05002", None),
        "densite": figure("5", "1", None),
        "libelle_densite": None,
        "zrr": figure("classée", None, None),
        "frr": None,
    }
    frame = membership(communes, arrondissements, zonings, settings().densites)
    all_contracts()[names.MEMBERSHIP].conform(frame)
    assert frame["classe_densite"].to_list() == ["Rural", "Urbain dense", None]
    assert frame["frr"].null_count() == 3
    named = pl.DataFrame({"code": ["200000001", "05", "05001", "FR"], "nom": ["CC", "Hautes-Alpes", "Pôle", "France"]})
    origins = dict.fromkeys([m.niveau for m in members(frame)], Origin(named, "cog", "Licence Ouverte", "2026"))
    found = zones(frame, origins)
    all_contracts()[names.ZONES].conform(found)
    assert found.select("niveau", "code", "nom", "communes", "population").rows() == [
        ("arrondissement", "051", None, 2, 100),
        ("bassin_vie", "05001", "Pôle", 1, 100),
        ("bassin_vie", "05002", None, 1, None),
        ("departement", "05", "Hautes-Alpes", 2, 100),
        ("departement", "975", None, 1, None),
        ("epci", "200000001", "CC", 2, 100),
        ("france", "FR", "France", 3, 100),
        ("region", "93", None, 2, 100),
        ("region", "975", None, 1, None),
    ]


def test_quartiers_are_in_the_communes_they_name_or_touch() -> None:
    def square(x: float, width: float) -> bytes:
        return shapely.to_wkb(shapely.multipolygons([shapely.box(x, 44.0, x + width, 44.1)]))

    communes = pl.DataFrame({"code": ["05001", "05002"], "geometrie": [square(6.0, 0.1), square(6.1, 0.1)]})
    told_quarters = pl.DataFrame(
        [
            ("QN00501A", "Nommé", ["05901", "99999"], square(6.15, 0.01), "2024"),  # a former code; believed
            ("QN00502B", "À cheval", [], square(6.09, 0.02), "2024"),
            ("QN00503C", "Effleure", [], square(6.099, 0.05), "2024"),  # two percent of it in the first
            ("QN00504D", "Ailleurs", ["99999"], square(9.0, 0.01), "2015"),
        ],
        schema={
            "code": pl.String,
            "nom": pl.String,
            "communes": pl.List(pl.String),
            "geometrie": pl.Binary,
            "millesime": pl.String,
        },
        orient="row",
    )
    log = IssueLog("territoires")
    frame = quarters(told_quarters, communes, PASSAGE, log)
    all_contracts()[names.QPV].conform(frame)
    assert frame.select("code", "communes").rows() == [
        ("QN00501A", ["05001"]),
        ("QN00502B", ["05001", "05002"]),
        ("QN00503C", ["05002"]),
        ("QN00504D", []),
    ]
    assert log.frame().select("id_source", "regle").rows() == [("QN00504D", "qpv-sans-commune")]


# --- settings ------------------------------------------------------------------------------------------------------


def test_the_official_panel_is_there() -> None:
    codes = {i.code for i in settings().indicateurs}
    assert codes >= {
        "population", "densite_hab_km2", "indice_vieillissement", "taux_pauvrete_pct", "taux_chomage_pct",
        "allocataires_rsa_pct", "familles_monoparentales_pct", "nombre_qpv", "menages_sans_voiture_pct",
        "sans_diplome_pct", "revenu_median", "habitants_65_ans_ou_plus_pct", "evolution_65_ans_ou_plus_pct",
        "fragilite_numerique", "communes_zrr_pct", "communes_frr_pct",
    }  # fmt: skip
    assert set(settings().densites.values()) == set(all_contracts()[names.MEMBERSHIP].column("classe_densite").values)
    method = (Path(__file__).parents[3] / "docs" / "methode.md").read_text(encoding="utf-8")
    assert all(f"`{code}`" in method for code in codes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"indicateurs.0.formules.0.numerateur": ["contexte_rsa.rien"]}, "found contexte_rsa.rien"),
        ({"indicateurs.0.formules.0.numerateur": ["contexte_inconnu.x"]}, "found contexte_inconnu.x"),
        ({"zonages.zrr": "carreaux.zrr"}, "found carreaux.zrr"),
        ({"indicateurs.1.code": "population"}, "indicator declared twice: population"),
        ({"indicateurs.0.couleur": "bleu"}, "Extra inputs are not permitted"),
    ],
)
def test_bad_settings_are_told(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    data = yaml.safe_load((Path(names.__file__).parent / "contexte.yml").read_text(encoding="utf-8"))
    ((path, value),) = change.items()
    *way, last = path.split(".")
    place: Any = data
    for step in way:
        place = place[int(step) if step.isdigit() else step]
    place[last] = value
    file = tmp_path / "contexte.yml"
    file.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    with pytest.raises(WrongUse, match=message):
        load_settings(file)


# --- an independent oracle -----------------------------------------------------------------------------------------


def test_sql_finds_the_same_share_of_households_without_a_car() -> None:
    """DuckDB over the figures themselves, not over our numerators."""
    rng = np.random.default_rng(5)
    number = 60
    codes = pl.Series("code", [f"{5001 + n:05d}" for n in range(number)])
    households = rng.integers(0, 900, number).astype(float)
    cars = np.floor(households * rng.uniform(0.5, 1, number))
    known = rng.uniform(size=number) > 0.15
    rows = [(c, "menages", h) for c, h in zip(codes, households, strict=True)]
    rows += [(c, "avec", v if k else None) for c, v, k in zip(codes, cars, known, strict=True)]
    options = ListOptions.model_validate(
        {
            "code": "CODGEO",
            "mesures": {
                "menages": {"colonne": "A", "nature": "effectif"},
                "avec": {"colonne": "B", "nature": "effectif"},
            },
        }
    )
    figures = of_list(told(*rows), options, "source", codes, PASSAGE.clear(), IssueLog("x"))
    named = {f"a.{name}": value for name, value in figures.items()}
    wanted = indicator({"numerateur": ["a.menages", "-a.avec"], "denominateur": ["a.menages"]}, decimals=2)
    zone_of = pl.DataFrame({"code": [f"E{n % 7}" for n in range(number)], "code_insee": codes})
    people = pl.DataFrame({"code_insee": codes, "population": rng.integers(0, 2000, number)})
    found = indicators_of_zones(
        indicators_of_communes((wanted,), codes, named, {}), (wanted,), [Members("epci", zone_of)], people, {}
    )
    counted = pl.Series(cars).set(~pl.Series(known), None)
    with duckdb.connect() as sql:
        sql.register("raw", pl.DataFrame({"commune": codes, "menages": households, "avec": counted}))
        sql.register("zone_of", zone_of)
        sql.register("people", people)
        expected = sql.sql(
            """
        SELECT z.code,
               100 * sum(menages - avec) FILTER (ok) / sum(menages) FILTER (ok) AS valeur,
               sum(population) FILTER (NOT ok) / sum(population) AS inconnue
        FROM (SELECT *, coalesce(avec IS NOT NULL AND menages > 0, false) AS ok FROM raw) r
        JOIN zone_of z ON z.code_insee = r.commune JOIN people p ON p.code_insee = r.commune
        GROUP BY z.code ORDER BY z.code
            """
        ).pl()
    ours = found.filter(pl.col("niveau") == "epci")
    assert ours["code"].to_list() == expected["code"].to_list()
    assert ours["valeur"].to_list() == pytest.approx(expected["valeur"].to_list(), abs=0.00501)
    assert ours["part_inconnue"].to_list() == pytest.approx(expected["inconnue"].fill_null(0).to_list(), abs=1e-6)


def test_populations_and_areas_of_communes() -> None:
    square = shapely.to_wkb(shapely.multipolygons([shapely.box(6.0, 44.0, 6.1, 44.1)]))
    communes = pl.DataFrame({"population": [5, None], "departement": ["05", "05"], "geometrie": [square, None]})
    figures = of_communes(communes, "cog", "contours", "2026")
    assert figures["communes.population"].values.to_list() == [5, None]
    assert figures["communes.surface_km2"].source == "contours"
    assert figures["communes.surface_km2"].values[1] is None
