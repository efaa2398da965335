"""Feeds that go wrong, through a whole build: it goes on with what was good, says so, stops only for what it must."""

import csv
import json
import shutil

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
def test_several_feeds_go_wrong_at_once_and_the_build_goes_on(mine, feeds, edition, csp_here):
    """A page, a renamed column, a cut archive and a missing reference; one feed has news, and they are published."""
    feed, former = feeds(mine.mirror), released(mine)
    news = feeds(edition(1).mirror)
    feed.path("caf").write_bytes(PAGE)
    feed.edit("france_services", lambda text: text.replace('"insee_com"', '"code_commune"', 1))
    feed.path("contours").write_bytes(feed.path("contours").read_bytes()[:5000])
    feed.path("ccas_31_haute_garonne").unlink()
    feed.path("dila").write_bytes(news.path("dila").read_bytes())
    said = csp_here("build", "--data", mine.root.path, "--mirror", mine.mirror)
    assert said.code == 0, said.err
    manifest = released(mine)
    assert manifest.version != former.version
    told, before = ({s.id: s for s in m.sources} for m in (manifest, former))
    for source, because in {
        "caf": "web page",
        "france_services": "insee_com",
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
    assert told["dila"].etat == "à jour"
    assert told["dila"].fichiers != before["dila"].fichiers
    verdict = read_verdict(mine.release / "qualite" / "verdict.json")
    alerts = {r.regle for r in verdict.alertes}
    assert {"caf.disponibilite", "contours.disponibilite", "france_services.disponibilite"} <= alerts
    status = csp_here("status", "--data", mine.root.path)
    assert status.code == 0
    assert "dernière" in status.out


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


@pytest.mark.lent
def test_a_feed_fallen_below_its_minimum(mine, feeds, edition, csp_here):
    """Refused, and the release stands; freezing is no way around; explained and accepted, the rest is published."""
    feed, version = feeds(mine.mirror), latest(mine.root.releases)
    # Well formed, and not one record of it is a counter.
    feed.write_directory([{**service, "categorie": "SI"} for service in feed.directory()])
    feed.path("france_services").write_bytes(feeds(edition(1).mirror).path("france_services").read_bytes())
    said = csp_here("build", "--data", mine.root.path, "--mirror", mine.mirror)
    assert said.code == 1
    assert "dila.lignes.minimum" in said.err
    assert list_releases(mine.root.releases) == [version]
    assert latest(mine.root.releases) == version
    state = read_state(mine.root.snapshots, "dila")
    assert (state.etat, state.sous_minimum) == ("dernière bonne version", 0)
    assert csp_here("build", "--data", mine.root.path, "--frozen").code == 1
    accepted = csp_here(
        *("accept", "dila.lignes.minimum", "--source", "dila", "--data", mine.root.path),
        *("--author", "DDT", "--reason", "fichier vidé par erreur, le producteur le refait"),
    )
    assert accepted.code == 0, accepted.err
    assert csp_here("build", "--data", mine.root.path, "--frozen").code == 0
    assert latest(mine.root.releases) != version
    assert "le producteur le refait" in (mine.release / "qualite" / "rapport.html").read_text(encoding="utf-8")


LOST = 60


@pytest.fixture
def thinned(mine, feeds):
    """The demo, whose directory then loses sixty mairies."""
    feed = feeds(mine.mirror)
    kept, lost = [], 0
    for service in feed.directory():
        if '"mairie"' in json.dumps(service["pivot"]) and lost < LOST:
            lost += 1
        else:
            kept.append(service)
    assert lost == LOST
    feed.write_directory(kept)
    return mine


@pytest.mark.lent
def test_sixty_counters_of_a_type_vanish(thinned, csp_here):
    """Refused with the code and the numbers, the release untouched; accepted and explained, promoted and told."""
    root, version = thinned.root, latest(thinned.root.releases)
    before = (thinned.release / "SHA256SUMS").read_bytes()
    said = csp_here("build", "--data", root.path, "--mirror", thinned.mirror)
    assert said.code == 1
    assert "dila.code.mairie.variation" in said.err
    assert "accept" in said.err
    assert latest(root.releases) == version
    assert (thinned.release / "SHA256SUMS").read_bytes() == before
    assert not list(root.releases.glob(".staging*"))
    report = (root.quality / "rapport.html").read_text(encoding="utf-8")
    assert "Publication refusée" in report
    assert "dila.code.mairie.variation" in report
    assert "« mairie »" in report
    verdict = read_verdict(root.quality / "verdict.json")
    breaches = list(verdict.blocages)
    assert {r.source for r in breaches} == {"dila"}
    (mairie,) = [r for r in breaches if r.regle == "dila.code.mairie.variation"]
    assert mairie.nb_valeurs - mairie.nb_echecs == mairie.nb_valeurs - LOST
    # Again without change: refused again, at once.
    assert csp_here("build", "--data", root.path, "--frozen").code == 1
    reason = "soixante mairies regroupées au 1er janvier, vérifié avec la préfecture"
    for breach in breaches:
        said = csp_here(
            *("accept", breach.regle, "--source", "dila", "--reason", reason),
            *("--author", "Préfecture", "--data", root.path),
        )
        assert said.code == 0, said.err
    said = csp_here("build", "--data", root.path, "--frozen")
    assert said.code == 0, said.err
    assert latest(root.releases) != version
    assert list_releases(root.releases)[0] == version
    verdict = read_verdict(thinned.release / "qualite" / "verdict.json")
    assert {r.regle for r in verdict.acceptes} == {b.regle for b in breaches}
    assert all(reason in r.acceptation for r in verdict.acceptes)
    report = (thinned.release / "qualite" / "rapport.html").read_text(encoding="utf-8")
    assert "Publication acceptée" in report
    assert reason in report
    assert released(thinned).verdict.comptes["acceptes"] == len(breaches)


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


@pytest.mark.lent
def test_above_the_maximum_is_published_with_an_alert(mine, csp_here, monkeypatch):
    """On a first build, where there is no movement to judge."""
    shutil.rmtree(mine.root.releases)
    shutil.rmtree(mine.root.quality)
    known = all_sources()
    small = known["caf"].model_copy(update={"bounds": Bounds(min=1, max=3)})
    monkeypatch.setitem(known, "caf", small)
    said = csp_here("build", "--data", mine.root.path, "--mirror", mine.mirror)
    assert said.code == 0, said.err
    alerts = {r.regle: r for r in read_verdict(mine.release / "qualite" / "verdict.json").alertes}
    assert "au plus 3" in alerts["caf.lignes.maximum"].attendu
    assert {s.id: s.etat for s in released(mine).sources}["caf"] == "à jour"


@pytest.mark.lent
def test_a_bad_row_is_an_issue_of_the_release(mine, feeds, csp_here):
    """A service without an id, another without a type, a row cut in two: set aside and told, the others published."""
    feed, before = feeds(mine.mirror), {t.layer: t.lignes for t in released(mine).tables}
    services = feed.directory()
    services[3] = {**services[3], "id": "", "nom": "Sans identifiant"}
    services[4] = {**services[4], "adresse": "pas une liste"}
    services[5] = {**services[5], "plage_ouverture": [{"nom_jour_debut": "Lundredi"}]}
    feed.write_directory(services)
    feed.edit("france_services", lambda text: text + '"999";"trop";"court"\n')
    said = csp_here("build", "--data", mine.root.path, "--mirror", mine.mirror)
    assert said.code == 0, said.err
    after = {t.layer: t.lignes for t in released(mine).tables}
    assert before["implantations"] - 4 <= after["implantations"] <= before["implantations"]
    with (mine.release / "qualite" / "issues.csv").open(encoding="utf-8", newline="") as file:
        issues = list(csv.DictReader(file))
    of = {(i["source"], i["regle"]) for i in issues}
    assert ("dila", "identifiant-absent") in of
    assert any(
        i["source"] == "dila" and i["id_source"] == services[4]["id"] and i["colonne"] == "adresse" for i in issues
    )
    cut = [i for i in issues if i["source"] == "france_services" and i["regle"] == "ligne-decalee"]
    assert any(i["valeur"].startswith("3 cellules") and i["id_source"].startswith("ligne ") for i in cut)
