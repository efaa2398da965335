"""Code officiel géographique."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.foundations.errors import SourceUnreadable
from sources.cog import read as cog
from sources.reading import ReadResult
from sources.spec import load_spec

SPEC = load_spec(Path(cog.__file__).parent / "source.yml")
FOLDER = "mirror/unpkg.com/@etalab/decoupage-administratif@6.0.0/data"

Edit = Callable[[dict[str, list[dict[str, Any]]]], None]


def read(folder: Path) -> ReadResult:
    return cog.read({r.id: folder / r.filename for r in SPEC.resources}, SPEC)


@pytest.fixture
def read_edited(fixtures: Path, tmp_path: Path) -> Callable[[Edit], ReadResult]:
    """Read the fixture after a change made to its objects, by resource."""

    def run(edit: Edit) -> ReadResult:
        parts = {r.id: json.loads((fixtures / "cog" / r.filename).read_text("utf-8")) for r in SPEC.resources}
        edit(parts)
        for resource in SPEC.resources:
            (tmp_path / resource.filename).write_text(json.dumps(parts[resource.id]), encoding="utf-8")
        return read(tmp_path)

    return run


def commune(parts: dict[str, list[dict[str, Any]]], code: str) -> dict[str, Any]:
    return next(row for row in parts["communes"] if row["code"] == code)


def test_tables_have_their_schemas_and_are_sorted(fixtures: Path) -> None:
    result = read(fixtures / "cog")
    assert {name: frame.schema for name, frame in result.tables.items()} == cog.SCHEMAS
    assert tuple(result.tables) == SPEC.tables
    assert all(frame[:, 0].is_sorted() and frame[:, 0].is_unique().all() for frame in result.tables.values())
    assert (result.read, SPEC.millesime) == (15, "2026")


def test_current_communes(fixtures: Path) -> None:
    communes = read(fixtures / "cog").tables["communes"]
    codes = "05001 05061 55245 55386 75056 85113 93066 97502 97601 98411"
    assert communes["code"].to_list() == codes.split()
    assert communes.row(by_predicate=pl.col("code") == "05061", named=True) == {
        "code": "05061",
        "nom": "Gap",
        "departement": "05",
        "region": "93",
        "arrondissement": "052",
        "zone": "metro",
        "population": 41293,
        "epci": "200067825",
        "ept": None,
        "codes_postaux": ["05000"],
        "siren": "210500617",
        "chef_lieu": "departement",
    }
    facts = {row["code"]: row for row in communes.iter_rows(named=True)}
    assert facts["75056"]["chef_lieu"] == "region"
    assert facts["93066"]["ept"] == "200057867"
    assert facts["93066"]["epci"] == "200054781"
    assert facts["85113"]["epci"] is None
    assert facts["97601"]["arrondissement"] is None  # written "" in the feed
    assert (facts["97502"]["zone"], facts["97502"]["siren"], facts["97502"]["population"]) == ("com", None, 5194)
    assert (facts["98411"]["population"], facts["98411"]["codes_postaux"]) == (None, [])


def test_former_codes_lead_to_current_communes(fixtures: Path) -> None:
    result = read(fixtures / "cog")
    former = result.tables["anciens_codes"]
    assert former.filter(pl.col("type") != "ancienne-commune").select("code_ancien", "code", "type").rows() == [
        ("05120", "05001", "commune-deleguee"),
        ("05125", "05061", "commune-associee"),
        ("55273", "55386", "commune-associee"),
        ("75101", "75056", "arrondissement-municipal"),
    ]
    # 05001 is a delegated commune too, under the code of its commune: not a former code.
    assert not former["code_ancien"].is_in(result.tables["communes"]["code"].implode()).any()
    assert former["code"].is_in(result.tables["communes"]["code"].implode()).all()
    # 55245 still claims 55273, which now belongs to 55386.
    assert result.issues.select("id_source", "valeur", "regle", "gravite").rows() == [
        ("55273", "55245", "rattachement-contradictoire", "info")
    ]


def test_former_communes_without_a_place_of_their_own(read_edited: Callable[[Edit], ReadResult]) -> None:
    def edit(parts: dict[str, list[dict[str, Any]]]) -> None:
        commune(parts, "05061")["anciensCodes"] = ["05125", "05999"]

    rows = read_edited(edit).tables["anciens_codes"].filter(pl.col("code") == "05061").rows()
    assert rows == [("05125", "05061", "commune-associee", "Romette"), ("05999", "05061", "ancienne-commune", None)]


def test_what_points_nowhere_is_set_aside(read_edited: Callable[[Edit], ReadResult]) -> None:
    def edit(parts: dict[str, list[dict[str, Any]]]) -> None:
        commune(parts, "05120")["chefLieu"] = "05999"
        parts["epci"][0]["membres"].append({"code": "05998", "siren": "1", "nom": "Ailleurs"})
        parts["regions"][0]["hymne"] = "oui"

    result = read_edited(edit)
    found = result.issues.filter(pl.col("regle") != "rattachement-contradictoire")
    assert found.select("id_source", "colonne", "valeur", "regle").rows() == [
        ("*", "hymne", "", "colonne-inconnue"),
        (result.tables["epci"]["code"][0], "membres", "05998", "membre-inconnu"),
        ("05120", "chefLieu", "05999", "chef-lieu-inconnu"),
    ]
    assert "05120" not in result.tables["anciens_codes"]["code_ancien"]


def _drop(part: str, key: str) -> Edit:
    return lambda parts: parts[part][0].pop(key)


def _set(part: str, key: str, value: Any) -> Edit:
    return lambda parts: parts[part][0].__setitem__(key, value)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (_drop("communes", "population"), "source cog (commune-actuelle): expected population in every object"),
        (_drop("epci", "membres"), "source cog (epci): expected membres in every object"),
        (_drop("departements", "chefLieu"), "source cog (departements): expected chefLieu in every object"),
        (_set("epci", "membres", [{"nom": "Gap"}]), "expected code in every object; found none in"),
        (_set("communes", "type", "commune-future"), "found 'commune-future' in"),
        (_set("communes", "zone", "lune"), "expected zone com, drom, metro"),
        (_set("communes", "type", ["commune-actuelle"]), "found \"['commune-actuelle']\" in"),
        (_set("communes", "population", "beaucoup"), "expected population of type int; found 'beaucoup' in"),
        (_set("communes", "codesPostaux", [5000]), "expected codesPostaux of type list of text; found [5000] in"),
        (_set("communes", "code", 5001), "expected code of type str; found 5001 in"),
        (_set("epci", "membres", ["05061"]), "source cog (membres): expected a list of JSON objects"),
        (_set("communes", "departement", "99"), "departement '99' of 05001 Abriès-Ristolas"),
        (lambda parts: parts["communes"].append(parts["communes"][0]), "each code once; found twice: 05001"),
        (lambda parts: parts["epci"].append({**parts["epci"][0], "code": "1"}), "each commune in one group"),
        (lambda parts: parts.update(ept={"error": 404}), "source cog (ept): expected a list of JSON objects"),
    ],
)
def test_a_file_that_is_not_as_declared_is_refused(
    read_edited: Callable[[Edit], ReadResult], edit: Edit, message: str
) -> None:
    with pytest.raises(SourceUnreadable) as error:
        read_edited(edit)
    assert message in str(error.value)


def test_a_broken_file_is_refused(fixtures: Path) -> None:
    files = {r.id: fixtures / "cog" / r.filename for r in SPEC.resources}
    with pytest.raises(SourceUnreadable, match=r"source cog \(regions\): expected a JSON document"):
        cog.read({**files, "regions": fixtures / "cog" / "bad_coupe.json"}, SPEC)


@pytest.mark.reel
def test_the_real_vintage(real_data: Path) -> None:
    result = read(real_data / FOLDER)
    communes, former = result.tables["communes"], result.tables["anciens_codes"]
    assert (result.read, communes.height) == (37_590, 34_969)
    assert communes.filter(pl.col("zone") != "com").height == 34_875
    assert communes.filter(pl.col("epci").is_null() & (pl.col("zone") != "com")).height == 4
    assert SPEC.bounds.min < communes.height < SPEC.bounds.max
    count = dict(communes["departement"].value_counts().rows())
    assert (count["05"], count["36"], count["59"]) == (162, 241, 647)
    assert {n: result.tables[n].height for n in ("epci", "ept", "departements", "regions")} == {
        "epci": 1255,
        "ept": 11,
        "departements": 109,
        "regions": 26,
    }
    assert result.tables["arrondissements_municipaux"].height == 45
    districts = former.filter(pl.col("type") == "arrondissement-municipal")
    assert set(districts["code"]) == {"75056", "69123", "13055"}
    assert former.height == 4_285
    assert result.issues["regle"].unique().to_list() == ["rattachement-contradictoire"]
    members = communes.group_by("epci").len().drop_nulls()
    both = result.tables["epci"].join(members, left_on="code", right_on="epci")
    assert both.filter(pl.col("membres") != pl.col("len")).is_empty()
