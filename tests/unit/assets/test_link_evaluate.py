"""Measures of the links; on real feeds, the judged pairs and the ids that the model was not shown."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from assets.referentiel.build import feed_tables
from assets.referentiel.link import link
from assets.referentiel.link.evaluate import across_editions, judge, read_judged, scores, withheld_keys
from assets.referentiel.place import Gazetteer
from assets.territories.geography import communes as commune_table
from assets.territories.passage import passage
from pipeline.cli import main
from pipeline.foundations.errors import WrongUse
from pipeline.foundations.issues import IssueLog
from pipeline.foundations.tables import TableStore
from sources.reading import ReadResult
from sources.registry import get_source, reader_of

JUDGED = Path(__file__).parents[2] / "fixtures" / "link" / "paires_jugees.csv"
_MEDNUM = (
    "20230711-charente.json",
    "20230517-hub-du-sud-paca_schema2023.json",
    "20231003-bus-fs-charente.json",
    "lieux-cnfs-national-2022-07.json",
)


def test_the_judged_pairs_name_nobody_and_are_enough():
    pairs = read_judged(JUDGED)
    assert pairs.height >= 400
    assert set(pairs["jugement"]) == {"oui", "non", "indécidable"}
    assert set(pairs["usage"]) == {"réglage", "contrôle"}
    assert pairs["motif"].null_count() == 0
    assert not pairs["motif"].str.contains("@|0[1-9]( ?\\d\\d){4}").any()
    ends = ["source_a", "id_a", "typologie_a", "source_b", "id_b", "typologie_b"]
    assert pairs.unique(ends).height == pairs.height


def test_precision_and_recall_leave_the_undecided_out():
    pairs = pl.DataFrame(
        {
            "jugement": ["oui", "oui", "non", "non", "indécidable"],
            "lie": [True, False, True, False, True],
            "poids": [3.0, 1.0, 1.0, 1.0, 9.0],
            "sources": ["x", "x", "x", "y", "y"],
        }
    )
    (row,) = scores(pairs, []).rows(named=True)
    assert (row["paires"], row["vrais"], row["faux"], row["manques"]) == (4, 1, 1, 1)
    assert (row["precision"], row["rappel"], row["precision_ponderee"], row["rappel_pondere"]) == (0.5, 0.5, 0.75, 0.75)
    assert scores(pairs, ["sources"]).filter(sources="y").select("precision", "rappel").row(0) == (None, None)


def test_a_file_that_is_not_of_judged_pairs_is_refused(tmp_path):
    path = tmp_path / "paires.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(WrongUse, match="header"):
        read_judged(path)
    with pytest.raises(WrongUse, match="another file"):
        read_judged(tmp_path / "absent.csv")


# --- on real feeds -------------------------------------------------------------------------------------------------


def _read(source: str, files: dict[str, Path]) -> ReadResult:
    spec = get_source(source)
    return reader_of(spec)(files, spec)


def _of_mirror(mirror: Path, source: str) -> pl.DataFrame:
    resource = get_source(source).resources[0]
    return _read(source, {resource.id: mirror / resource.url.partition("://")[2]}).tables["records"]


@pytest.fixture(scope="module")
def territories(real_data):
    spec = get_source("cog")
    folder = real_data / "mirror"
    cog = _read("cog", {r.id: folder / r.url.partition("://")[2] for r in spec.resources if "unpkg" in r.url}).tables
    outlines = get_source("contours").resources[0]
    shapes = _read("contours", {outlines.id: folder / outlines.url.partition("://")[2]}).tables["contours"]
    frame = commune_table(cog["communes"], shapes, IssueLog("territoires"))
    former = passage(cog["anciens_codes"], frame, IssueLog("t"), districts=cog["arrondissements_municipaux"])
    return frame, former


def _constats(records: dict[str, pl.DataFrame], territories) -> pl.DataFrame:
    gazetteer, day = Gazetteer(*territories), date(2023, 7, 1)
    feeds = (feed_tables(get_source(name), frame, day, gazetteer) for name, frame in records.items())
    return pl.concat(tables["referentiel__releves"] for tables in feeds)


@pytest.fixture(scope="module")
def now(real_data, territories):
    services = real_data / "services"
    mednum = [
        _read("mediation_numerique", {"lieux": services / "mednum-standard" / name}).tables["records"]
        for name in _MEDNUM
    ]
    workbooks = {
        r.id: real_data / "cartosp" / r.filename.replace("Itinerances", "Itinérances")
        for r in get_source("cartosp").resources
        if r.id != "permanences_05"  # published truncated
    }
    offices = services / "laposte-2020-12" / "laposte_poincont2.csv"
    agencies = services / "poleemploi-2019-11" / "pole_emploi_agencies.csv"
    advisers = services / "cnfs-2022-12" / "lieux-conseillers-numeriques.json"
    records = {
        "dila": _of_mirror(real_data / "mirror", "dila"),
        "france_services": _of_mirror(real_data / "mirror", "france_services"),
        "la_poste": _read("la_poste", {"points_contact": offices}).tables["records"],
        "france_travail": _read("france_travail", {"agences": agencies}).tables["records"],
        "conseillers_numeriques": _read("conseillers_numeriques", {"permanences": advisers}).tables["records"],
        "cartosp": _read("cartosp", workbooks).tables["records"],
        "mediation_numerique": pl.concat(mednum).unique("id_source", keep="first", maintain_order=True),
    }
    return _constats(records, territories)


@pytest.mark.reel
@pytest.mark.lent
def test_links_are_those_a_reader_judged_and_those_the_model_was_not_shown(now, real_data, territories):
    """One test for all, so that the feeds of the country are read once."""
    met = judge(read_judged(JUDGED), link(now).constats)
    assert met.height >= 780  # a judged record that is no longer read would shrink the measure unseen
    for row in scores(met, ["usage"]).iter_rows(named=True):
        assert row["precision"] >= 0.98, row
        assert row["rappel"] >= 0.92, row

    for row in withheld_keys(now).iter_rows(named=True):
        assert row["retrouvees"] / row["paires"] >= 0.98, row
        assert row["contredites"] / row["paires"] <= 0.005, row

    older = {name: _of_mirror(real_data / "mirror-previous", name) for name in ("dila", "france_services")}
    for row in across_editions(now, _constats(older, territories)).iter_rows(named=True):
        assert row["precision"] >= 0.995, row
        assert row["rappel"] >= 0.985, row


@pytest.mark.reel
@pytest.mark.lent
def test_the_command_prints_the_measures(real_data, territories, tmp_path):
    file = real_data / "services" / "mednum-standard" / _MEDNUM[0]
    places = _read("mediation_numerique", {"lieux": file}).tables["records"]
    few = _constats({"mediation_numerique": places}, territories)
    TableStore(tmp_path / "tables").write("referentiel__constats", few, recipe="essai")
    result = CliRunner().invoke(main, ["link", "evaluate", "--data", str(tmp_path), "--pairs", str(JUDGED)])
    assert result.exit_code == 0, result.output
    assert "Paires jugées" in result.output
