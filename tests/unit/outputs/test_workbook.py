"""The workbook: what is read in it, what no spreadsheet may run in it, what does not fit, the same bytes each time."""

import zipfile
from datetime import UTC, datetime

import fastexcel
import polars as pl
import pytest

from outputs import workbook
from outputs.reread_products import reread_workbook
from outputs.workbook import Workbook, declared, header, sheets, write_workbook
from pipeline.foundations.errors import QualityRefused, WrongUse
from quality.contract import all_contracts
from tests.tables import HOSTILE, release

WHEN = datetime(2026, 1, 31, 12, tzinfo=UTC)
ABOUT = {
    "publication": "Carto Services Publics",
    "version": "2026.01.31",
    "licence": "Licence Ouverte 2.0",
    "attribution": "DILA ; Insee",
    "perimetre": "05",
    "fictif": "oui",
}


def tables(frames=None):
    return {c.table: (c, f) for c, f in frames or release()}


def written(path, found, about=ABOUT):
    write_workbook(found, path, notice=declared().lisez_moi, about=about, date_reference=WHEN)
    return path


def cells(path, sheet):
    return fastexcel.read_excel(path).load_sheet(sheet, header_row=None, dtypes="string").to_polars()


def test_the_first_page_says_what_it_is(tmp_path):
    found = sheets(tables(), declared())
    path = written(tmp_path / "c.xlsx", found)
    names = fastexcel.read_excel(path).sheet_names
    assert names == ["Lisez-moi", *(s.title for s in found), "Colonnes"]
    text = " ".join(v for row in cells(path, "Lisez-moi").rows() for v in row if v)
    for said in ("Carto Services Publics", "2026.01.31", "31/01/2026", "Licence Ouverte 2.0", "DILA ; Insee", "05"):
        assert said in text
    assert "DONNÉES FICTIVES" in text
    assert "« inconnu », jamais zéro" in text


def test_real_data_is_not_said_to_be_invented(tmp_path):
    path = written(tmp_path / "c.xlsx", sheets(tables(), declared()), ABOUT | {"fictif": "non"})
    assert "FICTIVES" not in str(cells(path, "Lisez-moi").rows())


def test_every_sheet_suits_the_contracts():
    contracts = all_contracts()
    for spec in declared().feuilles:
        contract = contracts[spec.table]
        assert contract.published
        for name in (*spec.colonnes, *spec.filtre, *(n.code for n in spec.noms)):
            contract.column(name)
    titles = [s.titre for s in declared().feuilles]
    assert len(set(titles)) == len(titles)


def test_nothing_is_run_and_text_stays_text(tmp_path):
    found = sheets(tables(), declared())
    path = written(tmp_path / "c.xlsx", found)
    with zipfile.ZipFile(path) as archive:
        pages = [archive.read(n).decode() for n in archive.namelist() if n.startswith("xl/worksheets/")]
        assert not any("<f>" in page or "hyperlink" in page for page in pages)
        assert "xl/vbaProject.bin" not in archive.namelist()
    names = cells(path, "Implantations").to_series(1).to_list()
    assert HOSTILE[0] in cells(path, "Implantations").rows().__str__() or HOSTILE[0] in names
    reread_workbook(path, found)


def test_places_are_named_before_their_codes():
    (sheet, *_) = sheets(tables(), declared())
    assert [header(c) for c in sheet.columns][:2] == ["Commune", "Intercommunalité"]
    assert sheet.frame["commune_nom"].to_list() == ["Briançon", "Embrun", "Guillestre", "Guillestre"]
    without = {k: v for k, v in tables().items() if k != "territories__communes"}
    (sheet, *_) = sheets(without, declared())
    assert sheet.frame["commune_nom"].null_count() == sheet.frame.height


def test_row_order_and_the_clock_do_not_change_the_bytes(tmp_path):
    one = written(tmp_path / "a.xlsx", sheets(tables(), declared()))
    other = written(tmp_path / "b.xlsx", sheets(tables([(c, f.reverse()) for c, f in release()]), declared()))
    assert one.read_bytes() == other.read_bytes()


def test_a_table_longer_than_a_sheet_is_left_out_and_said(tmp_path, monkeypatch):
    monkeypatch.setattr(workbook, "MOST_ROWS", 4)
    found = sheets(tables(), declared())
    path = written(tmp_path / "c.xlsx", found)
    assert "Implantations" not in fastexcel.read_excel(path).sheet_names
    assert "geoparquet/implantations.parquet" in str(cells(path, "Lisez-moi").rows())
    reread_workbook(path, found)


def test_a_text_longer_than_a_cell_is_cut_and_counted(tmp_path):
    long = "🏔" * 20_000  # two units each in a spreadsheet
    frames = [
        (c, f.with_columns(lieu_adresse=pl.lit(long)) if c.table == "referentiel__implantations" else f)
        for c, f in release()
    ]
    found = sheets(tables(frames), declared())
    path = written(tmp_path / "c.xlsx", found)
    assert found[0].cut == 4
    assert "4 textes trop longs" in str(cells(path, "Lisez-moi").rows())
    reread_workbook(path, found)


def test_a_column_that_is_not_the_tables_is_explained():
    wrong = Workbook.model_validate(
        {"lisez_moi": [], "feuilles": [{"titre": "X", "table": "territories__epci", "colonnes": ["absente"]}]}
    )
    with pytest.raises(WrongUse, match="absente"):
        sheets(tables(), wrong)


def test_other_cells_and_broken_files_are_refused(tmp_path):
    found = sheets(tables(), declared())
    other = [(c, f.with_columns(nom=pl.lit("x")) if c.table == "territories__communes" else f) for c, f in release()]
    path = written(tmp_path / "c.xlsx", sheets(tables(other), declared()))
    with pytest.raises(QualityRefused, match="Commune"):
        reread_workbook(path, found)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(QualityRefused, match="readable"):
        reread_workbook(path, found)
