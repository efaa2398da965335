"""The real feeds of two successive refreshes, one of which held an accident upstream."""

import shutil

import polars as pl
import pytest

from assets.release.manifest import check_sums, load_manifest
from assets.release.versions import latest
from pipeline import run
from pipeline.foundations.errors import ExitCode, QualityRefused
from pipeline.foundations.paths import DataRoot
from quality.verdict import read_verdict


@pytest.mark.lent
@pytest.mark.reel
def test_an_accident_of_the_directory_is_stopped_then_explained(real_data, tmp_path, csp_here, monkeypatch):
    """From October to November 2017 the directory lost 207 `cij` and gained 154 `msap`: refused, accepted, promoted."""
    for name in ("CSP_DATA", "CSP_MIRROR", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)
    now, before = real_data / "mirror", tmp_path / "avant"
    shutil.copytree(now, before)
    shutil.copytree(real_data / "mirror-previous", before, dirs_exist_ok=True)
    root = DataRoot(tmp_path / "donnees")
    first = run.build(root, "05,36", mirror=before)
    sums = (first.path / "SHA256SUMS").read_bytes()

    with pytest.raises(QualityRefused) as caught:
        run.build(root, "05,36", mirror=now)
    assert caught.value.exit_code == ExitCode.REFUSED
    assert latest(root.releases) == first.version
    assert (first.path / "SHA256SUMS").read_bytes() == sums
    verdict = read_verdict(root.quality / "verdict.json")
    blocking = {r.regle: r for r in verdict.blocages}
    assert {rule for rule in blocking if rule.startswith("dila.")} == {
        "dila.code.cij.variation",
        "dila.code.msap.variation",
    }
    assert "cij" in caught.value.found
    report = (root.quality / "rapport.html").read_text(encoding="utf-8")
    assert "« cij »" in report
    assert "« msap »" in report

    for rule, breach in blocking.items():
        said = csp_here(
            *("accept", rule, "--source", breach.source, "--author", "DILA", "--data", root.path),
            *("--reason", "flux du partenaire interrompu, constaté avec le producteur"),
        )
        assert said.code == 0, said.err
    second = run.build(root, "05,36", frozen=True)
    assert second.new
    check_sums(second.path)
    manifest = load_manifest(second.path)
    assert manifest.fictif is False
    assert manifest.perimetre == ("05", "36")
    assert manifest.verdict.comptes["acceptes"] == len(blocking)
    rows = {t.layer: t.lignes for t in manifest.tables}
    assert 500 < rows["implantations"] < 3000
    assert 390 < rows["communes"] < 420

    # The registry is national whatever the perimeter: every directory record met in both editions keeps its id.
    names = ["source", "id_source", "typologie"]
    old, new = (
        pl.read_parquet(release.path / "geoparquet" / "ponts.parquet").filter(
            (pl.col("nature") == "service") & (pl.col("source") == "dila")
        )
        for release in (first, second)
    )
    # Bridges of vanished records are kept too: those the second edition really holds are the ones of its own table.
    present = pl.read_parquet(root.tables / "referentiel__constats.parquet", columns=names).filter(
        pl.col("source") == "dila"
    )
    both = old.join(present, on=names, how="semi").join(new.select(*names, pl.col("id").alias("id_ensuite")), on=names)
    assert both.height > 50_000
    assert both.filter(pl.col("id") != pl.col("id_ensuite")).is_empty()
