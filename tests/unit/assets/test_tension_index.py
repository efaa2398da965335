"""Tension index: ranks against people counted one by one, hand cases of each step, draws, and the sentences."""

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.tension.index import (
    FRAGILE,
    HIGH_NEED,
    NEITHER,
    NO_CLASS,
    NO_NEED,
    NO_PEOPLE,
    NO_SUPPLY,
    TENSE,
    TYPES,
    WEAK_SUPPLY,
    component_ranks,
    indicator_ranks,
    tension_table,
)
from assets.tension.ranks import oriented_ranks, percentile_ranks, winsorise
from assets.tension.reasons import reasons
from assets.tension.robustness import robustness
from assets.tension.scheme import Scheme, load_scheme, scheme
from pipeline.foundations.errors import WrongUse

FIXTURES = Path(__file__).parents[2] / "fixtures" / "tension"
NAN = math.nan
SCHEME = scheme()
COLUMNS = [i.colonne for i in SCHEME.indicators]


def floats(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)


def listed(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(v) else round(float(v), 9) for v in values]


# --- ranks ------------------------------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.one_of(st.just(NAN), st.integers(0, 5)), st.integers(0, 4)), min_size=1, max_size=8))
def test_a_rank_is_the_share_of_people_below(rows):
    values, people = np.array(rows, dtype=float).T
    found = percentile_ranks(values, people)
    each = [v for v, p in rows for _ in range(p) if not math.isnan(v)]
    for rank, value in zip(found.tolist(), values.tolist(), strict=True):
        if math.isnan(value) or not each:
            assert math.isnan(rank)
        else:
            expected = (sum(e < value for e in each) + sum(e == value for e in each) / 2) / len(each)
            assert rank == pytest.approx(expected)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4)), min_size=1, max_size=8))
def test_winsorising_brings_back_to_quantiles_of_people(rows):
    values, people = np.array(rows, dtype=float).T
    each = sorted(v for v, p in rows for _ in range(p))
    found = winsorise(values, people, 0.1, 0.9)
    if not each:
        assert found.tolist() == values.tolist()
        return
    low, high = (each[max(0, math.ceil(q * len(each) - 1e-9) - 1)] for q in (0.1, 0.9))
    assert found.tolist() == [min(max(v, low), high) for v in values.tolist()]


def test_extremes_of_few_people_are_brought_back():
    values, people = floats(0, 10, 20, 1000, NAN), floats(1, 495, 496, 8, 5)
    assert listed(winsorise(values, people, 0.01, 0.99)) == [10, 10, 20, 20, None]


def test_orientation_and_classes():
    values, people, classes = floats(1, 2, 3, 4, 9), np.ones(5), np.array([0, 0, 1, 1, -1])
    worse = oriented_ranks(values, people, classes, more_is_worse=True, bounds=(0, 1))
    better = oriented_ranks(values, people, classes, more_is_worse=False, bounds=(0, 1))
    assert listed(worse) == [0.25, 0.75, 0.25, 0.75, None]
    assert listed(better) == [0.75, 0.25, 0.75, 0.25, None]


# --- index ------------------------------------------------------------------------------------------------------------


def territories(rows: dict[str, dict]) -> pl.DataFrame:
    """Territories of 100 people in one class, every indicator unknown unless given."""
    schema = {"territoire": pl.String, "population": pl.Float64, "classe_densite": pl.String}
    schema |= dict.fromkeys(COLUMNS, pl.Float64)
    base = {"population": 100.0, "classe_densite": "peu_dense"} | dict.fromkeys(COLUMNS)
    return pl.DataFrame([base | {"territoire": name} | row for name, row in rows.items()], schema=schema)


def everything(worst: float, **others) -> dict:
    """Every indicator at this level, 0 the best to 100 the worst."""
    level = {i.colonne: worst if i.pire == "haut" else 100 - worst for i in SCHEME.indicators}
    return level | others


def ladder(steps: int = 10, **others) -> dict[str, dict]:
    return {f"{k:05d}": everything(100 * k / steps, **others) for k in range(steps)}


SUPPLY = [i.colonne for c in SCHEME.composantes if c.cote == "offre" for i in c.indicateurs]
NEED = [i.colonne for c in SCHEME.composantes if c.cote == "besoin" for i in c.indicateurs]


def test_the_worst_everywhere_is_the_most_tense():
    table = tension_table(territories(ladder()), SCHEME)
    expected = [(k + 0.5) / 10 for k in range(10)]
    for reference in ("national", "classe"):
        assert table[f"tension_{reference}"].to_list() == pytest.approx(expected)
        assert table[f"motif_{reference}"].null_count() == 10
    assert table["type_national"].to_list() == [NEITHER] * 4 + [FRAGILE] + [TENSE] * 5
    assert table["composantes_inconnues"].null_count() == 10


def test_no_compensation_weak_supply_without_need_is_not_tension():
    """0.95 and 0.05: the geometric mean is 0.22, where a plain mean would say 0.5."""
    rows = ladder()
    rows["00009"] |= {c: rows["00000"][c] for c in NEED}
    rows["00000"] |= {c: everything(90)[c] for c in NEED}
    table = tension_table(territories(rows), SCHEME)
    first, last = table.row(0, named=True), table.row(9, named=True)
    assert last["tension_national"] == pytest.approx(math.sqrt(0.95 * 0.05))
    assert (last["type_national"], first["type_national"]) == (WEAK_SUPPLY, HIGH_NEED)


def test_ranks_within_the_density_class():
    rows = {f"d{k}": everything(k, classe_densite="dense") for k in range(4)}
    rows |= {f"p{k}": everything(50 + k, classe_densite="peu_dense") for k in range(4)}
    table = tension_table(territories(rows), SCHEME)
    assert table["tension_classe"].to_list() == pytest.approx([0.125, 0.375, 0.625, 0.875] * 2)
    assert table["tension_national"].to_list() == pytest.approx([(k + 0.5) / 8 for k in range(8)])


def test_weights_of_components_and_indicators_by_hand():
    """Of two territories, one is the worst for the poor households only: 1 of 3.5 in N, which is 2 of 3.5 in G."""
    rows = {"a": everything(0), "b": everything(0)}
    rows["b"]["menages_pauvres_pct"] = 10.0
    row = tension_table(territories(rows), SCHEME).row(1, named=True)
    n = (0.5 + 0.75 + 3 * 0.5 * 0.5) / 3.5
    assert row["N_national"] == pytest.approx(n)
    assert row["besoin_national"] == pytest.approx((2 * n + 1 * 0.5 + 0.5 * 0.5) / 3.5)
    assert row["offre_faible_national"] == pytest.approx(0.5)


def test_what_is_unknown_is_told_and_the_rest_counts():
    rows = ladder()
    rows["00009"] |= {"minutes_pour_100": None, "habitants_65_ans_ou_plus_pct": None}
    row = tension_table(territories(rows), SCHEME).row(9, named=True)
    assert row["composantes_inconnues"] == "Saturation"
    assert row["part_connue_offre"] == pytest.approx(2 / 3)
    assert row["part_connue_besoin"] == 1  # N is known by its two other indicators
    assert row["S_national"] is None
    assert row["offre_faible_national"] == pytest.approx(0.95)
    assert row["tension_national"] is not None


def test_too_little_known_or_nobody_is_a_stated_null():
    rows = ladder()
    rows["00001"] |= dict.fromkeys(SUPPLY[1:])
    rows["00002"] |= dict.fromkeys(c for c in NEED if c != "menages_sans_voiture_pct")
    rows["00003"] |= {"population": 0.0}
    rows["00004"] |= {"population": None}
    rows["00005"] |= {"classe_densite": None}
    table = tension_table(territories(rows), SCHEME)
    assert table["motif_national"].to_list()[:6] == [None, NO_SUPPLY, NO_NEED, NO_PEOPLE, NO_PEOPLE, None]
    assert table["motif_classe"].to_list()[5] == NO_CLASS
    for reference in ("national", "classe"):
        motive = table[f"motif_{reference}"].is_not_null()
        for column in (f"tension_{reference}", f"type_{reference}", f"besoin_{reference}", f"offre_faible_{reference}"):
            assert table[column].is_null().to_list() == motive.to_list()
    assert table["D_national"][3] is not None  # components are published all the same


level = st.one_of(st.none(), st.integers(0, 5).map(float))


@settings(max_examples=15, deadline=None)
@given(
    rows=st.lists(st.tuples(*[level] * len(COLUMNS)), min_size=1, max_size=6),
    people=st.lists(st.one_of(st.none(), st.integers(0, 9).map(float)), min_size=6, max_size=6),
    classes=st.lists(st.sampled_from([None, "dense", "peu_dense"]), min_size=6, max_size=6),
)
def test_every_territory_has_an_index_within_bounds_or_a_reason(rows, people, classes):
    frame = territories(
        {
            f"{k}": dict(zip(COLUMNS, row, strict=True)) | {"population": people[k], "classe_densite": classes[k]}
            for k, row in enumerate(rows)
        }
    )
    table = tension_table(frame, SCHEME)
    assert table.select(frame.columns).equals(frame)
    for reference in ("national", "classe"):
        value, weak, need = (table[f"{c}_{reference}"] for c in ("tension", "offre_faible", "besoin"))
        assert value.is_null().to_list() == table[f"motif_{reference}"].is_not_null().to_list()
        assert value.drop_nulls().is_between(0, 1).all()
        assert ((value <= pl.select(pl.max_horizontal(weak, need)).to_series() + 1e-12) | value.is_null()).all()
        assert table[f"type_{reference}"].drop_nulls().is_in(TYPES).all()
        sentences = reasons(table, SCHEME, reference)
        assert sentences.null_count() == 0
        assert all(s[0] == s[0].upper() and s.endswith(".") and "{" not in s for s in sentences.to_list())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop("minutes_pour_100"), "found no minutes_pour_100"),
        (lambda f: pl.concat([f, f]), "each territory once; found 00000 twice"),
        (lambda f: f.with_columns(population=pl.lit(-3.0)), r"found -3\.0 in 00000"),
        (lambda f: f.with_columns(minutes_pour_100=pl.lit(math.inf)), "finite values of minutes_pour_100"),
        (lambda f: f.with_columns(minutes_pour_100=pl.lit(NAN)), "finite values of minutes_pour_100"),
    ],
)
def test_bad_territories_are_refused(change, message):
    with pytest.raises(WrongUse, match=message):
        tension_table(change(territories(ladder(2))), SCHEME)


# --- robustness -------------------------------------------------------------------------------------------------------


def drawn(frame: pl.DataFrame, draws: int = 200) -> tuple[Scheme, np.ndarray]:
    some = SCHEME.model_copy(update={"robustesse": SCHEME.robustesse.model_copy(update={"tirages": draws})})
    return some, component_ranks(indicator_ranks(frame, some, "national"), some)


def test_who_is_worst_everywhere_keeps_its_place_whatever_the_weights():
    some, components = drawn(territories(ladder(20)))
    found = robustness([components], np.ones(20, dtype=bool), some)
    assert found["rang_bas"].to_list() == found["rang_haut"].to_list() == list(range(20, 0, -1))
    assert found["probabilite_premier_decile"].to_list() == [0.0] * 18 + [1.0, 1.0]
    assert found["tension_robuste"].to_list() == [False] * 18 + [True, True]


def test_a_place_that_hangs_on_the_weights_has_a_wide_interval():
    rows = {
        k: everything(0) | dict(zip(SUPPLY, v, strict=True))
        for k, v in (("a", (90.0, 80.0, 50.0)), ("b", (50.0, 10.0, 50.0)), ("c", (10.0, 90.0, 50.0)))
    }
    some, components = drawn(territories(rows))
    found = robustness([components], np.ones(3, dtype=bool), some)
    assert (found["rang_bas"][0], found["rang_haut"][0]) == (1, 2)
    assert 0 < found["probabilite_premier_decile"][0] < 1
    assert not found["tension_robuste"][0]


def test_variants_take_turns():
    """Two territories that swap places from a variant to the other: each is first half of the time."""
    some, components = drawn(territories(ladder(2)))
    found = robustness([components, components[::-1].copy()], np.ones(2, dtype=bool), some)
    assert found["probabilite_premier_decile"].to_list() == [0.5, 0.5]
    assert found.select("rang_bas", "rang_haut").rows() == [(1.0, 2.0)] * 2


def test_draws_are_the_same_each_time_and_average_the_weights():
    rng = np.random.default_rng(1)
    rows = {
        f"{k}": {c: float(v) for c, v in zip(COLUMNS, rng.uniform(0, 99, len(COLUMNS)), strict=True)} for k in range(30)
    }
    frame = territories(rows)
    some, components = drawn(frame, 1000)
    first, again = (robustness([components], np.ones(30, dtype=bool), some) for _ in range(2))
    assert first.equals(again)
    place = (31 - tension_table(frame, some)["tension_national"].rank()).to_numpy()
    assert np.all(first["rang_bas"].to_numpy() <= place)
    assert np.all(place <= first["rang_haut"].to_numpy())
    assert first["probabilite_premier_decile"].sum() == pytest.approx(3)


def test_who_is_not_ranked_has_no_place():
    some, components = drawn(territories(ladder(4)))
    blind = components.copy()
    blind[2, some.supply] = NAN
    found = robustness([components, blind], np.array([True, False, True, True]), some)
    assert found["rang_bas"].to_list() == [2, None, None, 1]
    assert found["tension_robuste"].to_list() == [False, None, None, True]
    assert robustness([components], np.zeros(4, dtype=bool), some)["rang_bas"].null_count() == 4
    with pytest.raises(WrongUse, match="variants of the index"):
        robustness([components[:2]], np.ones(4, dtype=bool), some)
    with pytest.raises(WrongUse, match="found shapes none"):
        robustness([], np.ones(4, dtype=bool), some)


# --- reasons ----------------------------------------------------------------------------------------------------------


def sentence(rows: dict[str, dict], name: str, reference: str = "national") -> str:
    table = tension_table(territories(rows), SCHEME)
    return str(reasons(table, SCHEME, reference)[table["territoire"].to_list().index(name)])


def test_the_sentence_of_a_tense_territory():
    rows = ladder()
    rows["00009"] |= {"habitants_au_dela_pct": 138.4, "habitants_65_ans_ou_plus_pct": 95.0}
    assert sentence(rows, "00009") == (
        "138 % des habitants sont à plus de 20 min d'un France services, "
        "et la part des 65 ans ou plus y est parmi les plus fortes."
    )
    assert sentence(rows, "00009", "classe").startswith("Comparé aux territoires de même densité : 138 % des habitants")


def test_the_sentence_tells_the_worst_of_each_side():
    rows = ladder()
    rows["00006"] |= {"minutes_pour_100": 1.4, "menages_pauvres_pct": 75.0}
    assert sentence(rows, "00006") == (
        "1 min de guichet par semaine pour 100 usagers potentiels, et 75 % des ménages sont pauvres."
    )


def test_the_sentence_of_each_type():
    rows = ladder()
    rows["00009"] |= {c: rows["00000"][c] for c in NEED}
    rows["00000"] |= {c: everything(90)[c] for c in NEED}
    assert sentence(rows, "00009") == (
        "90 % des habitants sont à plus de 20 min d'un France services, mais le besoin y est modéré."
    )
    assert (
        sentence(rows, "00000")
        == "La part des 65 ans ou plus y est parmi les plus fortes, mais l'offre y est à portée."
    )
    assert sentence(rows, "00001") == "L'offre y est à portée, et le besoin y est modéré."
    assert sentence(rows, "00004").startswith("Proche du seuil de tension, 40 % des habitants")


def test_the_sentence_says_what_is_unknown():
    rows = ladder()
    rows["00009"] |= {"minutes_pour_100": None}
    rows["00003"] |= {"population": None}
    assert sentence(rows, "00009").endswith("y est parmi les plus fortes (non connu : saturation).")
    assert sentence(rows, "00003") == "Indice non calculé : population inconnue ou nulle."


# --- the file ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("bad_tension_*.yml")), ids=lambda p: p.stem)
def test_bad_schemes_are_refused(path):
    expected = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# attendu : ")
    with pytest.raises(WrongUse) as refused:
        load_scheme(path)
    assert expected in str(refused.value)


def test_an_unreadable_file_is_named(tmp_path):
    with pytest.raises(WrongUse, match=r"rien\.yml: expected readable YAML"):
        load_scheme(tmp_path / "rien.yml")
