"""Feeds that go wrong, through a whole build: it goes on with what was good, says so, stops only for what it must."""

import csv
import json

import polars as pl
import pytest

from assets.raw.ingest import read_state
from assets.release.manifest import load_manifest
from assets.release.versions import latest, list_releases
from pipeline.foundations.paths import DataRoot
from quality.verdict import read_verdict
from sources.registry import all_sources
from sources.spec import Bounds

PAGE = b"<!DOCTYPE html><html><body>En maintenance</body></html>"


def released(built):
    return load_manifest(built.root.releases / latest(built.root.releases))


@pytest.mark.lent
def test_several_feeds_go_wrong_at_once_and_the_build_goes_on(mine, feeds, edition, csp_here, monkeypatch):
    """A page, a cut archive, a missing file; bad rows in two feeds that have news; one above its maximum."""
    feed, former = feeds(mine.mirror), released(mine)
    news = feeds(edition(1).mirror)
    feed.path("caf").write_bytes(PAGE)
    feed.edit("ccas_35_ille_et_vilaine", lambda text: text.replace('"NOM"', '"INTITULE"'))
    feed.path("contours").write_bytes(feed.path("contours").read_bytes()[:5000])
    feed.path("ccas_31_haute_garonne").unlink()
    services = sorted(news.directory(), key=lambda s: '"mairie"' not in json.dumps(s["pivot"]))
    services[0] = {**services[0], "id": "", "nom": "Sans identifiant"}
    services[1] = {**services[1], "adresse": "pas une liste"}
    services[2] = {**services[2], "plage_ouverture": [{"nom_jour_debut": "Lundredi"}]}
    feed.write_directory(services)
    feed.edit("france_services", lambda text: text + '"999";"trop";"court"\n')
    known = all_sources()
    small = known["france_services"].model_copy(update={"bounds": Bounds(min=1, max=3)})
    monkeypatch.setitem(known, "france_services", small)

    said = csp_here("build", "--data", mine.root.path, "--mirror", mine.mirror)
    assert said.code == 0, said.err
    manifest = released(mine)
    assert manifest.version != former.version
    told, before = ({s.id: s for s in m.sources} for m in (manifest, former))
    for source, because in {
        "caf": "web page",
        "ccas_35_ille_et_vilaine": "NOM",
        "contours": "cut short",
        "ccas_31_haute_garonne": "no such file",
    }.items():
        assert told[source].etat == "dernière bonne version"
        assert because in told[source].motif
        assert told[source].fichiers == before[source].fichiers
        assert f"! {source} (dernière bonne version) : " in said.err
        assert because in said.err
    notes = (mine.release / "NOTES.md").read_text(encoding="utf-8")
    assert notes.count("| dernière bonne version, du jour ; la cause est dans `manifest.json` |") == 4
    for source in ("dila", "france_services"):
        assert told[source].etat == "à jour"
        assert told[source].fichiers != before[source].fichiers
    verdict = read_verdict(mine.release / "qualite" / "verdict.json")
    alerts = {r.regle: r for r in verdict.alertes}
    assert {"caf.disponibilite", "contours.disponibilite", "ccas_35_ille_et_vilaine.disponibilite"} <= set(alerts)
    assert "au plus 3" in alerts["france_services.lignes.maximum"].attendu
    status = csp_here("status", "--data", mine.root.path)
    assert status.code == 0
    assert "dernière" in status.out

    # Bad rows are set aside and told, the others published.
    with (mine.release / "qualite" / "issues.csv").open(encoding="utf-8", newline="") as file:
        issues = list(csv.DictReader(file))
    assert ("dila", "identifiant-absent") in {(i["source"], i["regle"]) for i in issues}
    assert any(
        i["source"] == "dila" and i["id_source"] == services[1]["id"] and i["colonne"] == "adresse" for i in issues
    )
    cut = [i for i in issues if i["source"] == "france_services" and i["regle"] == "ligne-decalee"]
    assert any(i["valeur"].startswith("3 cellules") and i["id_source"].startswith("ligne ") for i in cut)
    names = set(pl.read_csv(mine.release / "csv" / "implantations.csv", infer_schema=False)["service_nom"])
    assert "Sans identifiant" not in names
    assert services[3]["nom"] in names


@pytest.mark.lent
def test_a_fault_alone_makes_no_new_version(mine, feeds, csp_here):
    feeds(mine.mirror).path("caf").write_bytes(PAGE)
    said = csp_here("build", "--data", mine.root.path, "--mirror", mine.mirror)
    assert said.code == 0, said.err
    assert "Rien de nouveau" in said.out
    assert "! caf (dernière bonne version) : " in said.err
    assert read_state(mine.root.snapshots, "caf").etat == "dernière bonne version"


@pytest.mark.lent
def test_a_required_feed_that_never_came(csp, tmp_path):
    """In a process of its own: four parts, no traceback, exit code 3."""
    (tmp_path / "miroir").mkdir()
    said = csp("build", "--data", tmp_path / "d", "--mirror", tmp_path / "miroir")
    assert said.code == 3
    for part in ("source cog", "attendu", "a build cannot start without it", "trouvé", "no such file", "remède"):
        assert part in said.err
    assert "Traceback" not in said.err
    assert latest(tmp_path / "d" / "releases") is None


LOST = 60


@pytest.mark.lent
def test_breaches_stop_the_release_until_they_are_explained(mine, feeds, csp_here):
    """A feed below its minimum and sixty mairies gone from another: refused, the release untouched; accepted, told."""
    feed, root, version = feeds(mine.mirror), mine.root, latest(mine.root.releases)
    before = (mine.release / "SHA256SUMS").read_bytes()
    # Well formed, and its only site has no commune: not one counter.
    feed.edit("caf", lambda text: "".join(line for line in text.splitlines(True) if line[0] in "N;"))
    mairies = [s for s in feed.directory() if '"mairie"' in json.dumps(s["pivot"])]
    gone = {s["id"] for s in mairies[:LOST]}
    feed.write_directory([s for s in feed.directory() if s["id"] not in gone])

    said = csp_here("build", "--data", root.path, "--mirror", mine.mirror)
    assert said.code == 1
    for told in ("caf.lignes.minimum", "dila.code.mairie.variation", "accept"):
        assert told in said.err
    assert list_releases(root.releases) == [version]
    assert latest(root.releases) == version
    assert (mine.release / "SHA256SUMS").read_bytes() == before
    assert not list(root.releases.glob(".staging*"))
    state = read_state(root.snapshots, "caf")
    assert (state.etat, state.sous_minimum) == ("dernière bonne version", 0)
    report = (root.quality / "rapport.html").read_text(encoding="utf-8")
    for told in ("Publication refusée", "dila.code.mairie.variation", "« mairie »", "caf.lignes.minimum"):
        assert told in report
    breaches = list(read_verdict(root.quality / "verdict.json").blocages)
    assert {r.source for r in breaches} == {"dila", "caf"}
    (mairie,) = [r for r in breaches if r.regle == "dila.code.mairie.variation"]
    assert mairie.nb_echecs == LOST
    # Again without change, freezing or not: refused again, at once.
    assert csp_here("build", "--data", root.path, "--frozen").code == 1

    reason = "soixante mairies regroupées au 1er janvier, vérifié avec la préfecture"
    for breach in breaches:
        said = csp_here(
            *("accept", breach.regle, "--source", breach.source, "--reason", reason),
            *("--author", "Préfecture", "--data", root.path),
        )
        assert said.code == 0, said.err
    said = csp_here("build", "--data", root.path, "--frozen")
    assert said.code == 0, said.err
    assert latest(root.releases) != version
    assert list_releases(root.releases)[0] == version
    verdict = read_verdict(mine.release / "qualite" / "verdict.json")
    assert {r.regle for r in verdict.acceptes} == {b.regle for b in breaches}
    assert all(reason in r.acceptation for r in verdict.acceptes)
    report = (mine.release / "qualite" / "rapport.html").read_text(encoding="utf-8")
    assert "Publication acceptée" in report
    assert reason in report
    assert released(mine).verdict.comptes["acceptes"] == len(breaches)


def test_what_cannot_be_accepted(mine, csp_here):
    def accept(rule, **changes):
        options = {"--source": "dila", "--reason": "vérifié avec le producteur", "--author": "DDT", **changes}
        given = [part for option in options.items() for part in option]
        return csp_here("accept", rule, *given, "--data", mine.root.path)

    unknown = accept("dila.code.mairie.variation")
    assert unknown.code == 2
    assert "no such breach" in unknown.err
    assert accept("x", **{"--source": "dilla"}).code == 2
    assert "dila" in accept("x", **{"--source": "dilla"}).err
    breach = next(r for r in read_verdict(mine.root.quality / "verdict.json").alertes if r.source)
    assert accept(breach.regle, **{"--source": breach.source}).code == 0
    assert accept(breach.regle, **{"--source": breach.source}).code == 2  # twice
    assert not accept("dila.code.mairie.variation").out


def test_acceptances_written_by_hand_badly(tmp_path, csp_here):
    """Refused before any work."""
    root = DataRoot(tmp_path)
    root.acceptances.parent.mkdir(parents=True, exist_ok=True)
    root.acceptances.write_text("- regle: [", encoding="utf-8")
    said = csp_here("build", "--data", tmp_path, "--mirror", tmp_path)
    assert said.code == 2
    assert not root.snapshots.exists()
    assert "acceptations.yml" in said.err
