"""What a verdict depends on, what the release will say of itself, and what a steward may accept."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from assets.raw.ingest import SourceState, UsedFile
from assets.release import gate
from assets.release.gate import Case, check_codes, judged_snapshot, key_of
from pipeline.foundations.errors import CspError, QualityRefused, WrongUse
from pipeline.foundations.paths import DataRoot
from pipeline.foundations.workspace import Workspace, declare_fictional
from quality.acceptances import Acceptance, append_acceptance
from quality.results import RuleResult
from quality.variation import SourceStatus
from quality.verdict import judge
from sources.registry import get_source

DAY = datetime(2026, 10, 5, 6, tzinfo=UTC)
CAF = get_source("caf")


def state(**changes):
    file = UsedFile(
        ressource="sites",
        url="https://example.org/a",
        url_finale="https://example.org/a",
        sha256="ab" * 32,
        octets=3,
        date_telechargement=DAY,
        date_fichier=DAY,
    )
    return SourceState(**{"id": "caf", "etat": "à jour", "fichiers": (file,), **changes})


def case(source=None, **changes):
    given = {"departements": ("05",), "inputs": {"t": "1"}, "date_reference": DAY, "fictional": False}
    return Case(sources={"caf": (CAF, source or state())}, **{**given, **changes})


@pytest.fixture
def place(tmp_path):
    return Workspace(DataRoot(tmp_path), frozen=True)


def test_the_same_case_has_the_same_key(place):
    assert key_of(place, case()) == key_of(place, case())


@pytest.mark.parametrize(
    "other",
    [
        case(inputs={"t": "2"}),
        case(fictional=True),
        case(state(etat="dernière bonne version", refus="a web page")),
        case(state(sous_minimum=3)),
        case(state(fichiers=())),
    ],
    ids=["a table", "invented", "state", "below minimum", "bytes"],
)
def test_whatever_the_verdict_depends_on_changes_its_key(place, other):
    assert key_of(place, other) != key_of(place, case())


def test_an_acceptance_changes_the_key(place):
    before = key_of(place, case())
    append_acceptance(
        place.root.acceptances,
        Acceptance(
            regle="caf.lignes.minimum",
            source="caf",
            empreinte="absente",
            motif="vérifié avec la Cnaf",
            organisation="DDT",
            date=date(2026, 10, 6),
        ),
    )
    assert key_of(place, case()) != before


def test_dates_of_download_are_nothing_new():
    """The same bytes fetched on another day make the same release."""
    later = state().fichiers[0].model_copy(update={"date_telechargement": datetime(2026, 11, 1, tzinfo=UTC)})
    one, two = case(), case(state(fichiers=(later,)), date_reference=datetime(2026, 11, 1, tzinfo=UTC))
    assert one.context(gate.NO_VERDICT).empreinte == two.context(gate.NO_VERDICT).empreinte


@pytest.mark.parametrize("other", [case(state(sous_minimum=3)), case(fictional=True), case(departements=("36",))])
def test_what_changes_the_result_is_a_new_release(other):
    assert other.context(gate.NO_VERDICT).empreinte != case().context(gate.NO_VERDICT).empreinte


def test_a_fictional_release_says_so():
    context = case(fictional=True).context(gate.NO_VERDICT)
    assert context.fictif
    assert "DONNÉES FICTIVES" in context.titre
    assert "imaginaire" in context.description
    assert not case().context(gate.NO_VERDICT).fictif


def test_nothing_to_publish_yet(place):
    with pytest.raises(CspError, match="run `csp build`"):
        gate.open_case(place, ["05"])


def test_codes_never_seen_are_an_alert_that_names_them():
    types = pl.DataFrame(
        [
            ("caf", "caf", "publiée", 9),
            ("dila", "mairie", "publiée", 100),
            ("dila", "adil", "hors typologie", 3),
            ("dila", "guichet_lunaire", "inconnue", 2),
            ("dila", "", "inconnue", 1),
        ],
        schema=["source", "code_type", "statut", "enregistrements"],
        orient="row",
    )
    caf, dila = check_codes(types)
    assert (caf.source, caf.statut) == ("caf", "ok")
    assert (dila.regle, dila.statut, dila.gravite, dila.bloque) == ("dila.codes.connus", "échec", "alerte", False)
    assert "guichet_lunaire (2)" in dila.observe
    assert "(vide) (1)" in dila.observe
    assert (dila.nb_valeurs, dila.nb_echecs) == (106, 3)


def breach(**changes):
    return RuleResult(
        **{
            "source": "caf",
            "regle": "caf.lignes.minimum",
            "titre": "t",
            "gravite": "blocage",
            "statut": "échec",
            "observe": "o",
            "attendu": "a",
            **changes,
        }
    )


def status(empreinte):
    return SourceStatus(
        id="caf", titre="t", etat="à jour", empreinte=empreinte, age_max_jours=1, borne_min=0, borne_max=1
    )


def test_an_acceptance_speaks_of_the_snapshot_that_was_judged(place):
    """Not of the one in use when the steward answers, which may have come since."""
    verdict = judge("k", [breach()], sources=[status("cd" * 32)])
    verdict.write(place.root.quality / gate.VERDICT_FILE)
    assert judged_snapshot(place.root, "caf", "caf.lignes.minimum") == "cd" * 32
    judge("k", [breach()], sources=[status("")]).write(place.root.quality / gate.VERDICT_FILE)
    assert judged_snapshot(place.root, "caf", "caf.lignes.minimum") == "absente"


def test_only_a_breach_can_be_accepted(place):
    with pytest.raises(QualityRefused, match="csp build"):
        judged_snapshot(place.root, "caf", "caf.lignes.minimum")
    verdict = judge("k", [breach(), breach(regle="caf.fraicheur", statut="ok")], sources=[status("cd" * 32)])
    verdict.write(place.root.quality / gate.VERDICT_FILE)
    for source, rule in (("caf", "caf.fraicheur"), ("caf", "caf.faute"), ("dila", "caf.lignes.minimum")):
        with pytest.raises(WrongUse, match="no such breach"):
            judged_snapshot(place.root, source, rule)
    with pytest.raises(WrongUse, match=r"caf\.lignes\.minimum"):
        judged_snapshot(place.root, "caf", "caf.faute")


def test_a_root_becomes_fictional_once_and_only_when_empty(tmp_path):
    root = DataRoot(tmp_path / "d")
    declare_fictional(root)
    declare_fictional(root)
    (root.snapshots / "caf").mkdir(parents=True)
    declare_fictional(root)
    real = DataRoot(tmp_path / "r")
    (real.snapshots / "caf").mkdir(parents=True)
    with pytest.raises(WrongUse, match="snapshots of real feeds"):
        declare_fictional(real)
    assert not real.fictional_mark.exists()


class Validator:
    """Counts the times the tables are judged; dies when told to."""

    def __init__(self, monkeypatch):
        self.times, self.dies = 0, False
        monkeypatch.setattr(gate, "validate_tables", self)

    def __call__(self, *_, data_docs):
        self.times += 1
        if self.dies:
            raise KeyboardInterrupt
        data_docs.folder.mkdir(exist_ok=True)
        (data_docs.folder / "index.html").touch()
        rule = {"regle": f"r{self.times}", "titre": "t", "gravite": "alerte", "statut": "ok"}
        return [RuleResult(**rule, table="t", observe="o", attendu="a", remede="r")]


def test_the_same_tables_are_judged_once(monkeypatch, tmp_path):
    """Whatever becomes of the sources; other tables are judged, and so are the first ones again after them."""
    validator = Validator(monkeypatch)

    def judged(this):
        return [r.regle for r in gate._of_tables(tmp_path, this, {}, {})]

    assert judged(case()) == judged(case(state(etat="dernière bonne version", refus="a web page"))) == ["r1"]
    assert judged(case(inputs={"t": "2"})) == ["r2"]
    assert judged(case()) == ["r3"]
    assert judged(case(date_reference=DAY.replace(day=6))) == ["r4"]
    (tmp_path / gate.JUDGED_FILE).write_text("{")
    assert judged(case(date_reference=DAY.replace(day=6))) == ["r5"]
    (tmp_path / gate.DATA_DOCS / "index.html").unlink()
    assert judged(case(date_reference=DAY.replace(day=6))) == ["r6"]
    assert validator.times == 6


def test_tables_whose_judging_was_cut_are_judged_again(monkeypatch, tmp_path):
    """The Data Docs on disk may be neither the former nor the new ones."""
    validator = Validator(monkeypatch)
    gate._of_tables(tmp_path, case(), {}, {})
    validator.dies = True
    with pytest.raises(KeyboardInterrupt):
        gate._of_tables(tmp_path, case(inputs={"t": "2"}), {}, {})
    validator.dies = False
    assert [r.regle for r in gate._of_tables(tmp_path, case(), {}, {})] == ["r3"]
