"""Communes, EPCI and départements: nothing invented, nothing lost, unknown stays unknown."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.territories import geography
from pipeline.foundations.issues import IssueLog

OUTLINE = b"contour"


def cog(*rows):
    """(code, departement, epci, population)"""
    return pl.DataFrame(
        [
            (code, f"Commune {code}", departement, "93", epci, people, ["05000"])
            for code, departement, epci, people in rows
        ],
        schema={
            "code": pl.String,
            "nom": pl.String,
            "departement": pl.String,
            "region": pl.String,
            "epci": pl.String,
            "population": pl.Int64,
            "codes_postaux": pl.List(pl.String),
        },
        orient="row",
    )


def outlines(*codes):
    return pl.DataFrame(
        [(code, 6.0, 44.5, OUTLINE) for code in codes],
        schema={"code": pl.String, "longitude": pl.Float64, "latitude": pl.Float64, "geometrie": pl.Binary},
        orient="row",
    )


def test_a_commune_without_outline_stays_and_is_said():
    issues = IssueLog("territoires")
    frame = geography.communes(cog(("05002", "05", "E1", 10), ("05001", "05", "E1", 20)), outlines("05001"), issues)
    assert frame["code"].to_list() == ["05001", "05002"]
    assert frame["geometrie"].to_list() == [OUTLINE, None]
    (issue,) = issues.frame().to_dicts()
    assert (issue["id_source"], issue["regle"], issue["valeur"]) == ("05002", "commune-sans-contour", "Commune 05002")


def test_an_outline_without_commune_is_not_used_and_is_said():
    issues = IssueLog("territoires")
    frame = geography.communes(cog(("05001", "05", None, 1)), outlines("05001", "05999"), issues)
    assert frame.height == 1
    (issue,) = issues.frame().to_dicts()
    assert (issue["id_source"], issue["regle"]) == ("05999", "contour-sans-commune")


PEOPLE = st.one_of(st.none(), st.integers(0, 10**6))
ROWS = st.lists(
    st.tuples(st.sampled_from(["05", "36", "2A"]), st.sampled_from(["E1", "E2", None]), PEOPLE), max_size=20
)


@given(ROWS)
def test_totals_are_those_of_the_communes(rows):
    frame = cog(*((f"{d}{i:03}", d, e, p) for i, (d, e, p) in enumerate(rows)))
    named = pl.DataFrame({"code": ["05", "2A", "36", "99"], "nom": list("abcd"), "region": ["93", "94", "24", "0"]})
    groups = pl.DataFrame({"code": ["E1", "E2", "E3"], "nom": list("xyz"), "type": ["CC"] * 3})
    for made, position in ((geography.departements(named, frame), 0), (geography.epci(groups, frame), 1)):
        members = {}
        for row in rows:
            if row[position] is not None:
                members.setdefault(row[position], []).append(row[2])
        assert made["code"].to_list() == sorted(members)
        for code, communes, population in made.select("code", "communes", "population").iter_rows():
            known = members[code]
            assert communes == len(known)
            assert population == (None if None in known else sum(known))


def test_an_unknown_population_is_not_zero():
    frame = cog(("98401", "984", None, None))
    named = pl.DataFrame({"code": ["984"], "nom": ["Terres australes"], "region": ["984"]})
    assert geography.departements(named, frame)["population"].to_list() == [None]


@pytest.mark.lent
@pytest.mark.reel
def test_the_whole_country(real_data, tmp_path):
    """Every commune has its département; few but the overseas ones lack an outline, and all are said."""
    from assets.raw.ingest import ingest
    from pipeline.foundations.snapshots import SnapshotStore
    from pipeline.foundations.tables import TableStore
    from sources.registry import get_source

    snapshots, tables = SnapshotStore(tmp_path / "s"), TableStore(tmp_path / "t")
    for name in ("cog", "contours"):
        ingest(get_source(name), snapshots=snapshots, tables=tables, mirror=real_data / "mirror")
    issues = IssueLog("territoires")
    frame = geography.communes(tables.read("raw__cog_communes"), tables.read("raw__contours_contours"), issues)
    departements = geography.departements(tables.read("raw__cog_departements"), frame)
    assert departements["communes"].sum() == frame.height > 34_900
    assert 67e6 < departements["population"].sum() < 70e6
    bare = frame.filter(pl.col("geometrie").is_null())
    assert bare.filter(pl.col("departement").str.len_chars() == 2).height < 10
    assert bare.height < 120
    assert issues.frame().filter(pl.col("regle") == "commune-sans-contour").height == bare.height
