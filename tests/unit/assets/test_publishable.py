"""The gate of publication: what lets a release out, each thing that stops it, and what publication is told of it."""

from datetime import date

import polars as pl
import pytest

from assets.release.announce import about
from assets.release.manifest import load_manifest, write_sums
from assets.release.publishable import require_publishable
from pipeline.foundations.errors import ExitCode, QualityRefused, WrongUse
from quality.verdict import judge
from tests.publication import V1, V2, contract, make_release, source

CONTRACTS = {c.table: c for c in (contract("referentiel__implantations"), contract("territories__communes"))}


def judge_release(folder, contracts=CONTRACTS, *, trial=False, fictional_allowed=False):
    manifest = load_manifest(folder)
    require_publishable(folder.parent, folder, manifest, contracts, trial=trial, fictional_allowed=fictional_allowed)


def test_a_sound_release_goes_out(tmp_path):
    judge_release(make_release(tmp_path, V1))


def test_the_first_one_has_nothing_to_compare_with(tmp_path):
    judge_release(make_release(tmp_path, V1, changes=False))


def test_the_next_one_says_what_changed(tmp_path):
    make_release(tmp_path, V1, changes=False)
    folder = make_release(tmp_path, V2, changes=False)
    with pytest.raises(QualityRefused, match=f"changements/diff.parquet: what changed since {V1}"):
        judge_release(folder)


def test_an_older_one_published_again_is_not_the_next_one(tmp_path):
    make_release(tmp_path, V2)
    judge_release(make_release(tmp_path, V1, changes=False))


def test_bytes_that_changed(tmp_path):
    folder = make_release(tmp_path, V1)
    (folder / "csv/communes.csv").write_text("code\n")
    with pytest.raises(QualityRefused, match=r"csv/communes\.csv has other bytes"):
        judge_release(folder)


def test_a_file_added(tmp_path):
    folder = make_release(tmp_path, V1)
    (folder / "csv/de_plus.csv").write_text("code\n")
    with pytest.raises(QualityRefused, match="not listed"):
        judge_release(folder)


def test_no_verdict(tmp_path):
    folder = make_release(tmp_path, V1, files={"qualite/verdict.json": None})
    with pytest.raises(QualityRefused, match=r"verdict\.json"):
        judge_release(folder)


def test_a_refused_verdict(tmp_path):
    folder = make_release(
        tmp_path, V1, accepted=False, files={"qualite/verdict.json": judge("cle", []).model_dump_json().encode()}
    )
    with pytest.raises(QualityRefused, match="« refusé »"):
        judge_release(folder)


def test_the_verdict_of_other_inputs(tmp_path):
    other = judge("autre", []).model_dump_json().encode()
    folder = make_release(tmp_path, V1, files={"qualite/verdict.json": other})
    with pytest.raises(QualityRefused, match="on other inputs"):
        judge_release(folder)


class TestLicences:
    def test_a_table_under_another_licence(self, tmp_path):
        tables = (contract("referentiel__implantations"), contract("territories__communes", "odc-odbl"))
        folder = make_release(tmp_path, V1, contracts=tables)
        with pytest.raises(QualityRefused, match="table territories__communes under odc-odbl"):
            judge_release(folder)

    def test_a_table_whose_contract_changed_its_licence_since(self, tmp_path):
        folder = make_release(tmp_path, V1)
        contracts = {**CONTRACTS, "territories__communes": contract("territories__communes", "odc-odbl")}
        with pytest.raises(QualityRefused, match="table territories__communes under odc-odbl"):
            judge_release(folder, contracts)

    def test_a_table_without_contract(self, tmp_path):
        with pytest.raises(QualityRefused, match=r"\(no contract\)"):
            judge_release(make_release(tmp_path, V1), {})

    def test_a_release_under_another_licence(self, tmp_path):
        with pytest.raises(QualityRefused, match="the release is under ODbL"):
            judge_release(make_release(tmp_path, V1, licence="ODbL"))

    @pytest.mark.parametrize("named", ["osm", "dila|osm", "ancien:osm"])
    def test_rows_that_come_from_a_share_alike_source(self, tmp_path, named):
        folder = make_release(tmp_path, V1, sources=(source(), source("osm", "odc-odbl")), rows_from=named)
        with pytest.raises(QualityRefused, match="table referentiel__implantations holds data of osm"):
            judge_release(folder)

    def test_rows_in_lists(self, tmp_path):
        folder = make_release(tmp_path, V1, sources=(source("osm", "odc-odbl"),))
        frame = pl.DataFrame({"code": ["05046"], "sources": [["dila", "osm"]]})
        frame.write_parquet(folder / "geoparquet" / "implantations.parquet")
        write_sums(folder)
        with pytest.raises(QualityRefused, match="holds data of osm"):
            judge_release(folder)

    def test_a_share_alike_source_that_feeds_no_table(self, tmp_path):
        """Roads of OpenStreetMap imported for files of their own are no reason to stop."""
        judge_release(make_release(tmp_path, V1, sources=(source(), source("osm", "odc-odbl"))))


class TestInventedData:
    def test_do_not_go_where_people_read(self, tmp_path):
        with pytest.raises(WrongUse, match="invented data") as caught:
            judge_release(make_release(tmp_path, V1, fictional=True))
        assert caught.value.exit_code == ExitCode.WRONG_USE

    @pytest.mark.parametrize("way", [{"trial": True}, {"fictional_allowed": True}])
    def test_go_to_a_trial_or_on_demand(self, tmp_path, way):
        judge_release(make_release(tmp_path, V1, fictional=True), **way)


class TestWhatIsTold:
    def test_of_some_departements(self, tmp_path):
        folder = make_release(tmp_path, V1)
        told = about(folder, load_manifest(folder), CONTRACTS)
        assert (told.since, told.until) == (date(2026, 10, 20), date(2026, 11, 1))
        assert told.zones == ("fr:departement:05", "fr:departement:36")
        assert told.boxes == ((6.45, 44.52, 6.56, 44.61), (1.63, 46.77, 1.75, 46.85))
        assert told.credits == ("Producteur de dila, 20/10/2026",)
        assert (told.tables["communes"].titre, told.tables["communes"].lignes) == ("Communes", 2)

    def test_of_the_whole_country(self, tmp_path):
        folder = make_release(tmp_path, V1)
        mainland = [f"{n:02}" for n in range(1, 96) if n != 20] + ["2A", "2B"]
        everywhere = (*mainland, "971", "972", "973", "974", "976", "988")
        manifest = load_manifest(folder).model_copy(update={"perimetre": everywhere})
        assert about(folder, manifest, CONTRACTS).zones == ("country:fr",)

    def test_without_communes_nor_geometry(self, tmp_path):
        folder = make_release(tmp_path, V1, contracts=(contract("referentiel__implantations"),))
        assert about(folder, load_manifest(folder), CONTRACTS).boxes == ()
