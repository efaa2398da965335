"""Comparing two states of a table, and the way back: the lines applied to the one give the other, always."""

from datetime import date

import polars as pl
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.release.changes.compare import (
    ADDED,
    CHANGED,
    LINK_SCHEMA,
    REMOVED,
    RENAMED,
    apply,
    compare,
)
from assets.release.changes.state import State, as_text
from outputs.facts import ColumnFacts
from pipeline.foundations.errors import QualityRefused

COLUMNS = tuple(
    ColumnFacts(nom=n, type=t)
    for n, t in (
        ("id", "texte"),
        ("nom", "texte"),
        ("heures", "reel"),
        ("rang", "entier"),
        ("vrai", "booleen"),
        ("jour", "date"),
        ("listes", "liste_texte"),
        ("geometrie", "geometrie"),
    )
)
SCHEMA = {
    "id": pl.String,
    "nom": pl.String,
    "heures": pl.Float64,
    "rang": pl.Int64,
    "vrai": pl.Boolean,
    "jour": pl.Date,
    "listes": pl.List(pl.String),
    "geometrie": pl.Binary,
}
NAMES = [c.nom for c in COLUMNS]
NOTHING = pl.DataFrame(schema=LINK_SCHEMA)


def state(*rows, key=("id",)):
    full = [dict.fromkeys(SCHEMA) | row for row in rows]
    return State(pl.LazyFrame(full, schema=SCHEMA, orient="row"), key, COLUMNS)


def links(*pairs):
    return pl.DataFrame(pairs, schema=LINK_SCHEMA, orient="row")


def told(before, after, following=NOTHING):
    """`(identifiant, changement, colonne, avant, apres)` of every line, having checked that they lead back."""
    lines = compare(before, after, following).lines()
    assert apply(before, before.prints["_row"], lines, NAMES).equals(after.written(after.prints["_row"], NAMES))
    return lines.select("identifiant", "changement", "colonne", "avant", "apres").rows()


def test_a_cell_a_row_that_came_and_one_that_left():
    before = state({"id": "1", "nom": "Mairie", "heures": 10.0}, {"id": "2", "nom": "Poste", "rang": 3})
    after = state({"id": "1", "nom": "Mairie", "heures": 12.5}, {"id": "3", "nom": 'L"\\É, "rang":null', "vrai": True})
    assert told(before, after) == [
        ("2", REMOVED, None, '{"id":"2","nom":"Poste","rang":"3"}', None),
        ("3", ADDED, None, None, r'{"id":"3","nom":"L\"\\É, \"rang\":null","vrai":"true"}'),
        ("1", CHANGED, "heures", "10.0", "12.5"),
    ]


def test_nothing_is_nothing_whatever_the_order_and_the_noise_of_additions():
    one, two = {"id": "1", "heures": 0.3, "listes": []}, {"id": "2", "listes": ["a", "b"], "jour": date(2026, 1, 5)}
    before = state(one, two)
    after = state(two, {**one, "heures": 0.1 + 0.2, "listes": None})
    assert told(before, after) == []
    assert compare(before, after, NOTHING).size == 0


def test_unknown_is_told_from_zero_and_from_empty():
    before = state({"id": "1", "heures": None, "nom": "", "vrai": False})
    after = state({"id": "1", "heures": 0.0, "nom": None, "vrai": None})
    assert told(before, after) == [
        ("1", CHANGED, "nom", "", None),
        ("1", CHANGED, "heures", None, "0.0"),
        ("1", CHANGED, "vrai", "false", None),
    ]


def test_a_geometry_is_told_by_a_fingerprint():
    before = state({"id": "1", "geometrie": shapely.to_wkb(shapely.Point(6, 44))})
    after = state({"id": "1", "geometrie": shapely.to_wkb(shapely.Point(6, 45))})
    ((_, _, column, old, new),) = told(before, after)
    assert column == "geometrie"
    assert old != new
    assert len(old) == len(new) == 16


def test_keys_of_several_columns_never_meet():
    key = ("id", "nom")
    before = state({"id": "a|b", "nom": "c"}, {"id": "a", "nom": "b|c"}, {"id": "a", "nom": None}, key=key)
    after = state({"id": "a|b", "nom": "c"}, {"id": "a", "nom": r"\N"}, key=key)
    assert [line[:2] for line in told(before, after)] == [
        (r"a|b\|c", REMOVED),
        (r"a|\N", REMOVED),
        (r"a|\\N", ADDED),
    ]


def test_an_id_renamed_is_no_opening():
    before = state({"id": "x", "nom": "Poste", "rang": 1}, {"id": "y", "nom": "Mairie"})
    after = state({"id": "z", "nom": "Poste", "rang": 2}, {"id": "y", "nom": "Mairie"})
    assert told(before, after, links(("x", "z"), ("ailleurs", "y"))) == [
        ("x", RENAMED, None, "x", "z"),
        ("z", CHANGED, "id", "x", "z"),
        ("z", CHANGED, "rang", "1", "2"),
    ]


def test_ids_merged_into_one_that_stays_or_that_is_new():
    before = state({"id": "x", "nom": "a"}, {"id": "y", "nom": "b"}, {"id": "v", "nom": "c"}, {"id": "w", "nom": "d"})
    after = state({"id": "y", "nom": "b"}, {"id": "z", "nom": "d"})
    assert told(before, after, links(("x", "y"), ("w", "z"), ("v", "z"))) == [
        ("v", RENAMED, None, "v", "z"),
        ("w", RENAMED, None, "w", "z"),
        ("x", RENAMED, None, "x", "y"),
        ("z", CHANGED, "id", "v", "z"),
        ("z", CHANGED, "nom", "c", "d"),
    ]


def test_an_id_split_from_one_that_stays():
    before = state({"id": "x", "nom": "deux guichets", "rang": 4})
    after = state({"id": "x", "nom": "l'un", "rang": 4}, {"id": "z", "nom": "l'autre", "rang": 4})
    assert told(before, after, links(("x", "z"))) == [
        ("z", RENAMED, None, "x", "z"),
        ("z", CHANGED, "id", "x", "z"),
        ("x", CHANGED, "nom", "deux guichets", "l'un"),
        ("z", CHANGED, "nom", "deux guichets", "l'autre"),
    ]


def test_a_link_between_ids_that_both_stay_says_nothing():
    both = state({"id": "x"}, {"id": "y"})
    assert told(both, both, links(("x", "y"))) == []


def test_two_rows_of_one_key_are_refused():
    with pytest.raises(
        QualityRefused, match="key id: expected one row per key; found 2 rows that share theirs, 1 among"
    ):
        compare(state({"id": "1"}, {"id": "1"}), state(), NOTHING)


def test_a_column_only_one_side_has_is_left_out():
    before = state({"id": "1", "nom": "a"})
    fewer = tuple(c for c in COLUMNS if c.nom != "nom")
    after = State(pl.LazyFrame({"id": ["1"]}), ("id",), fewer[:1])
    assert compare(before, after, NOTHING).size == 0


texts = st.text(alphabet='aé"\\|,:{}\n\x00\x1f =null', max_size=6) | st.none()
rows = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d", "e", "f"]),
    st.fixed_dictionaries(
        {
            "nom": texts,
            "heures": st.floats(allow_nan=True, allow_infinity=False, width=32) | st.none(),
            "rang": st.integers(-(2**40), 2**40) | st.none(),
            "vrai": st.booleans() | st.none(),
            "jour": st.dates(date(1900, 1, 1), date(2100, 1, 1)) | st.none(),
            "listes": st.lists(st.text("ab", max_size=2), max_size=2) | st.none(),
            "geometrie": st.binary(max_size=3) | st.none(),
        }
    ),
)
pairs = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")), max_size=5)


@settings(deadline=None, max_examples=60)
@given(rows, rows, pairs)
def test_the_lines_applied_to_the_one_give_the_other(old, new, following):
    before, after = (state(*({"id": key, **cells} for key, cells in side.items())) for side in (old, new))
    unique = {left: right for left, right in following if left != right}
    told(before, after, links(*unique.items()))


@settings(deadline=None, max_examples=60)
@given(rows, rows)
def test_rows_that_came_less_rows_that_left_are_the_difference(old, new):
    before, after = (state(*({"id": key, **cells} for key, cells in side.items())) for side in (old, new))
    found = compare(before, after, NOTHING)
    assert len(found.added) - len(found.removed) == len(new) - len(old)
    assert found.size == found.lines().height


def test_minus_zero_is_zero_and_not_a_number_is_nothing():
    column = ColumnFacts(nom="heures", type="reel")
    written = as_text(pl.Series([0.0, -0.0, 1.5, float("nan"), None]), column)
    assert written.to_list() == ["0.0", "0.0", "1.5", None, None]
