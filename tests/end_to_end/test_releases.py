"""Releases over time: the same inputs give the same bytes, changes lead from one to the next, one is withdrawn."""

import json
import shutil

import duckdb
import polars as pl
import pytest

from assets.release.journal import JOURNAL, read_journal
from assets.release.manifest import load_manifest
from assets.release.versions import latest, list_releases
from pipeline import run


def sums(release):
    return dict(line.split("  ")[::-1] for line in (release / "SHA256SUMS").read_text().splitlines())


@pytest.mark.lent
def test_a_release_that_follows_another_is_made_again_byte_for_byte(grown, tmp_path):
    """Changes included, from the same feeds and the release before alone."""
    mine = grown.copy(tmp_path / "donnees")
    first, second = list_releases(mine.root.releases)
    wanted = sums(mine.root.releases / second)
    assert {"changements/diff.parquet", "changements/notes.md"} <= set(wanted)
    for path in (mine.root.releases / second, mine.root.tables, mine.root.quality):
        shutil.rmtree(path)
    (mine.root.releases / JOURNAL).unlink()
    (mine.root.releases / "latest").unlink()
    (mine.root.releases / "latest").symlink_to(first)
    outcome = run.build(mine.root, "all", mirror=mine.mirror)
    assert outcome.version == second
    found = sums(outcome.path)
    assert {name for name in {**wanted, **found} if wanted.get(name) != found.get(name)} == set()


@pytest.mark.lent
def test_changes_are_told_and_balance(grown, csp_here):
    first, second = list_releases(grown.root.releases)
    manifest = load_manifest(grown.root.releases / second)
    assert manifest.precedente == first
    assert load_manifest(grown.root.releases / first).precedente is None
    rows = [{t.table: t.lignes for t in load_manifest(grown.root.releases / v).tables} for v in (first, second)]
    lines = duckdb.read_parquet(str(grown.release / "changements" / "diff.parquet"))
    counts = lines.filter("colonne IS NULL").aggregate('"table", changement, sum(lignes) AS n').pl()
    told = {(table, change): n for table, change, n in counts.rows()}
    silent = {"referentiel__registre", "referentiel__ponts", "referentiel__provenance"}
    for table in set(rows[1]) - silent:
        if (table, "identifiant changé") not in told:
            balance = told.get((table, "ajouté"), 0) - told.get((table, "retiré"), 0)
            assert rows[1][table] - rows[0][table] == balance, table
    assert told["referentiel__implantations", "ajouté"] >= 1
    reasons = set(lines.project("raison").distinct().pl()["raison"])
    assert "offre" in reasons
    assert "non déterminée" not in reasons
    offers = [pl.read_parquet(grown.root.releases / v / "geoparquet" / "offre.parquet") for v in (first, second)]
    lost = [offer.filter(pl.col("niveau") == "france")["nb_disparitions_24_mois"] for offer in offers]
    registry = pl.read_parquet(grown.release / "geoparquet" / "registre.parquet")
    gone = registry.filter((pl.col("nature") == "service") & (pl.col("etat") == "disparu"))
    assert lost[0].null_count() == len(lost[0]), "nobody knows what there was before the first release"
    assert lost[1].sum() == gone.height >= 1
    notes = (grown.release / "NOTES.md").read_text(encoding="utf-8")
    assert f"## Ce qui change\n\nDepuis la version {first}." in notes
    assert "Première version" in (grown.root.releases / first / "NOTES.md").read_text(encoding="utf-8")
    said = csp_here("diff", first, "--data", grown.root.path)
    assert said.code == 0
    assert said.out.strip() == (grown.release / "changements" / "notes.md").read_text(encoding="utf-8").strip()
    said = csp_here("releases", "verify", "--data", grown.root.path)
    assert said.code == 0, said.err
    assert "appliqués à la version" in said.out


@pytest.mark.lent
def test_a_release_withdrawn_does_not_come_back_by_itself(grown, tmp_path, csp_here, feeds):
    mine = grown.copy(tmp_path / "donnees")
    first, second = list_releases(mine.root.releases)
    before = {v: sums(mine.root.releases / v) for v in (first, second)}

    said = csp_here("rollback", first, "--reason", "deux guichets fermés à tort", "--data", mine.root.path)
    assert said.code == 0, said.err
    assert latest(mine.root.releases) == first
    entry = read_journal(mine.root.releases)[-1]
    assert (entry.action, entry.version, entry.depuis) == ("pointeur", first, second)
    counters = load_manifest(mine.root.releases / first).tables[0]
    with duckdb.connect(str(mine.root.warehouse), read_only=True) as warehouse:
        assert warehouse.table(counters.table).count("*").fetchone() == (counters.lignes,)

    # The same feeds and the same code: what was withdrawn is not made again under another name, and that is said.
    said = csp_here("build", "--frozen", "--data", mine.root.path)
    assert said.code == 0, said.err
    assert f"Rien de nouveau : la version courante reste {first}" in said.out
    assert f"sont ceux de la version {second}, qui a été retirée" in said.err
    assert list_releases(mine.root.releases) == [first, second]

    # The feed is mended: the next release follows the one pointed to, and tells what changed since that one.
    source = feeds(mine.mirror)
    source.write_directory(source.directory()[:-1])
    outcome = run.build(mine.root, "all", mirror=mine.mirror)
    assert outcome.new
    assert load_manifest(outcome.path).precedente == first
    assert latest(mine.root.releases) == outcome.version
    assert {v: sums(mine.root.releases / v) for v in (first, second)} == before
    held = json.loads(csp_here("releases", "--json", "--data", mine.root.path).out)
    assert [(r["version"], r["etat"]) for r in held] == [(first, ""), (second, ""), (outcome.version, "courante")]

    # Its ids are those of the release it follows, not those of the one withdrawn.
    memory = pl.read_parquet(outcome.path / "geoparquet" / "registre.parquet", columns=["id", "premiere_vue"])
    known = pl.read_parquet(mine.root.releases / first / "geoparquet" / "registre.parquet", columns=["id"])
    assert known.join(memory, on="id", how="anti").is_empty()

    said = csp_here("releases", "prune", "--keep", 1, "--yes", "--data", mine.root.path)
    assert said.code == 0, said.err
    assert list_releases(mine.root.releases) == [first, outcome.version]
