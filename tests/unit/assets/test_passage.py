"""From an old commune code to the communes in force."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from assets.territories.passage import PASSAGE_SCHEMA, passage
from pipeline.foundations.issues import IssueLog
from sources.cog import read as cog
from sources.cog_mouvements import read as mouvements
from sources.spec import load_spec

CURRENT = pl.DataFrame(
    {"code": ["01138", "08203", "08454", "27676", "2A001", "60054", "60694", "75056", "38422", "38567"]}
)
NO_FORMER = pl.DataFrame(schema=dict.fromkeys(("code_ancien", "code", "type", "nom"), pl.String))


def _movements(*rows):
    full = [(m, date.fromisoformat(d), ta, a, f"Nom {a}", tp, p, f"Nom {p}") for m, d, ta, a, tp, p in rows]
    return pl.DataFrame(full, schema=mouvements.SCHEMA, orient="row")


def _passage(*rows, former=NO_FORMER, **options):
    issues = IssueLog("essai")
    frame = passage(former, CURRENT, issues, movements=_movements(*rows), **options)
    assert frame.schema == PASSAGE_SCHEMA
    assert frame["code_ancien"].is_unique().all()
    assert frame["code_ancien"].is_sorted()
    return {row["code_ancien"]: row for row in frame.iter_rows(named=True)}, issues.frame()["regle"].to_list()


def test_a_merger_whatever_its_kind():
    rows, _ = _passage(
        ("32", "2023-01-01", "COM", "01039", "COMD", "01039"),
        ("32", "2023-01-01", "COM", "01039", "COM", "01138"),
        ("32", "2023-01-01", "COM", "01138", "COM", "01138"),
        ("34", "1990-01-01", "COMA", "01777", "COM", "01138"),
    )
    assert {code: (row["code"], row["type"]) for code, row in rows.items()} == {
        "01039": ("01138", "mouvement"),
        "01777": ("01138", "mouvement"),
    }


def test_a_chain_is_followed_in_the_order_of_dates():
    rows, _ = _passage(
        ("31", "1970-01-01", "COM", "20002", "COM", "20001"),
        ("41", "1976-01-01", "COM", "20001", "COM", "2A001"),
    )
    assert rows["20002"]["code"] == rows["20001"]["code"] == "2A001"


def test_a_seat_that_went_and_came_back_ends_where_it_is():
    rows, _ = _passage(
        ("50", "2021-01-01", "COM", "27676", "COM", "27058"), ("50", "2023-01-01", "COM", "27058", "COM", "27676")
    )
    assert {code: row["code"] for code, row in rows.items()} == {"27058": "27676"}


def test_a_suppression_shared_between_communes_is_left_open():
    rows, rules = _passage(
        ("30", "1968-03-02", "COM", "08227", "COM", "08203"), ("30", "1968-03-02", "COM", "08227", "COM", "08454")
    )
    row = rows["08227"]
    assert (row["code"], row["type"], row["candidats"], row["nom"]) == (
        None,
        "scission",
        ["08203", "08454"],
        "Nom 08227",
    )
    assert rules == ["code-scinde"]


def test_a_recent_split_leaves_a_doubt_on_the_code_that_stayed_an_old_one_does_not():
    rows, rules = _passage(
        ("21", "2024-01-01", "COM", "60054", "COM", "60054"),
        ("21", "2024-01-01", "COM", "60054", "COM", "60694"),
        ("20", "1989-02-15", "COM", "38422", "COM", "38422"),
        ("20", "1989-02-15", "COM", "38422", "COM", "38567"),
    )
    assert {c: (r["code"], r["candidats"]) for c, r in rows.items()} == {"60054": ("60054", ["60054", "60694"])}
    assert rules == []


def test_an_association_does_not_end_the_code_of_the_commune_that_keeps_it():
    rows, _ = _passage(
        ("33", "1973-01-01", "COM", "01138", "COM", "01138"), ("33", "1973-01-01", "COM", "01500", "COMA", "01500")
    )
    assert rows == {}


def test_the_cog_is_believed_before_the_movements():
    former = pl.DataFrame([("60455", "60694", "commune-deleguee", "Le Mesnil")], schema=NO_FORMER.schema, orient="row")
    rows, rules = _passage(("32", "2017-01-01", "COM", "60455", "COM", "60054"), former=former)
    assert (rows["60455"]["code"], rows["60455"]["type"]) == ("60694", "commune-deleguee")
    assert rules == ["passage-contradictoire"]


def test_an_heir_that_is_gone_since_the_movements_were_published_is_found_by_the_cog():
    former = pl.DataFrame([("01999", "01138", "ancienne-commune", None)], schema=NO_FORMER.schema, orient="row")
    rows, _ = _passage(("31", "1970-01-01", "COM", "01998", "COM", "01999"), former=former)
    assert rows["01998"]["code"] == "01138"


def test_what_leads_nowhere_is_said():
    former = pl.DataFrame([("01997", "01000", "commune-deleguee", "X")], schema=NO_FORMER.schema, orient="row")
    rows, rules = _passage(("31", "1970-01-01", "COM", "01996", "COM", "01000"), former=former)
    assert rows == {}
    assert rules == ["passage-sans-issue"] * 2


def test_a_circle_of_codes_does_not_hang():
    rows, rules = _passage(
        ("31", "1970-01-01", "COM", "01996", "COM", "01995"), ("31", "1970-01-01", "COM", "01995", "COM", "01996")
    )
    assert rows == {}
    assert rules == ["passage-sans-issue"] * 2


def test_without_movements_only_the_cog_speaks_and_districts_have_their_postcodes():
    former = pl.DataFrame(
        [("75120", "75056", "arrondissement-municipal", "Paris 20e Arrondissement"), ("60054", "60694", "x", None)],
        schema=NO_FORMER.schema,
        orient="row",
    )
    districts = pl.DataFrame({"code": ["75120"], "codes_postaux": [["75020"]]})
    frame = passage(former, CURRENT, IssueLog("essai"), districts=districts)
    assert frame.rows() == [("75120", "75056", "arrondissement-municipal", "Paris 20e Arrondissement", None, ["75020"])]


@pytest.mark.reel
def test_the_movements_alone_agree_with_the_cog_s_former_codes(real_data):
    """Two independent accounts of the same history: the published former codes, and ours from the movements."""
    folder = real_data / "mirror/unpkg.com/@etalab/decoupage-administratif@6.0.0/data"
    spec = load_spec(Path(cog.__file__).parent / "source.yml")
    tables = cog.read({r.id: folder / r.filename for r in spec.resources}, spec).tables
    history = real_data / "territory/cog-history/etalab_mouvements_2024-02-21.csv"
    moves = load_spec(Path(mouvements.__file__).parent / "source.yml")
    movements = mouvements.read({"mouvements": history}, moves).tables["mouvements"]
    current, former = tables["communes"], tables["anciens_codes"]
    alone = passage(former.head(0), current, IssueLog("essai"), movements=movements)
    both = alone.join(former, on="code_ancien", suffix="_cog")
    assert both.height > 4_100
    differing = both.filter(pl.col("code").ne_missing(pl.col("code_cog")))
    # Six suppressions shared between communes, and the two codes the COG itself tells in two ways.
    assert differing.filter(pl.col("candidats").is_null())["code_ancien"].to_list() == ["55273", "60455"]
    assert differing.filter(pl.col("candidats").is_not_null()).height == 6
    merged = passage(former, current, IssueLog("essai"), movements=movements)
    assert merged.height == former.height + 9  # nine communes in force lost a part not long ago
