"""The stage of territories and indicators on the fictional France, from its files to its tables, as Dagster runs it."""

import shutil

import dagster as dg
import polars as pl
import pytest

from assets.raw.ingest import ingest, issues_table, read_state
from assets.release import scope
from assets.territories import context_tables as names
from assets.territories.assets import carreaux, contexte, territories
from assets.territories.indicators import settings
from pipeline.foundations.paths import DataRoot
from pipeline.foundations.urls import mirror_file
from pipeline.foundations.workspace import Workspace
from quality.contract import all_contracts
from quality.validate import validate_tables
from sources.registry import get_source

FIRST = ("cog", "contours", "carreaux_200m")
CONTEXT = ("qpv", *settings().lists)


def fetch(workspace: Workspace, *sources: str) -> None:
    for name in sources:
        ingest(
            get_source(name).imagined(),
            snapshots=workspace.snapshots,
            tables=workspace.tables,
            mirror=workspace.mirror,
        )


def materialize(workspace: Workspace) -> dict[str, bool]:
    """Run the three assets of the stage; whether each table of context was computed."""
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize([territories, carreaux, contexte], resources={"workspace": workspace}, instance=instance)
    assert done.success
    facts = {e.asset_key.to_user_string(): e for e in done.asset_materializations_for_node("contexte")}
    return {name: bool(facts[name].metadata["recalculé"].value) for name in names.TABLES}


@pytest.fixture(scope="module")
def workspace(edition, tmp_path_factory) -> Workspace:
    root = DataRoot(tmp_path_factory.mktemp("contexte"))
    made = Workspace(root, mirror=edition(0).mirror)
    fetch(made, *FIRST, *CONTEXT)
    assert all(materialize(made).values())
    return made


def table(workspace: Workspace, name: str) -> pl.DataFrame:
    return workspace.tables.read(name)


def told_by(workspace: Workspace, code: str, indicator: str) -> dict[str, object]:
    rows = table(workspace, names.CONTEXT).filter((pl.col("code_insee") == code) & (pl.col("indicateur") == indicator))
    return rows.row(0, named=True)


def test_every_commune_and_every_territory_has_every_indicator(workspace):
    communes, indicators = table(workspace, names.COMMUNES).height, len(settings().indicateurs)
    assert table(workspace, names.CONTEXT).height == communes * indicators
    territories_ = table(workspace, names.ZONES).height
    assert table(workspace, names.CONTEXT_ZONES).height == (communes + territories_) * indicators
    assert table(workspace, names.MEMBERSHIP).height == communes
    country = table(workspace, names.CONTEXT_ZONES).filter(pl.col("niveau") == "france")
    assert country["valeur"].null_count() == 0, "the demo has every indicator"


@pytest.mark.lent
def test_the_tables_follow_their_contracts(workspace):
    contracts = {n: c for n, c in all_contracts().items() if n in names.TABLES}
    read = {n: workspace.tables.path(n) for n in (*contracts, names.COMMUNES, names.EPCI, names.DEPARTEMENTS)}
    broken = [r for r in validate_tables(read, contracts) if r.bloque or r.alerte]
    assert [(r.table, r.regle, r.observe) for r in broken] == []


def test_the_faults_of_the_files_are_said(workspace):
    expected = {
        "contexte_rp_logement": {"valeur-absente"},
        "contexte_rsa": {"code-illisible"},
        "qpv": {"contour-repare"},
    }
    for source in CONTEXT:
        assert read_state(workspace.snapshots.root, source).etat == "à jour"
        found = set(table(workspace, issues_table(get_source(source)))["regle"])
        assert found == expected.get(source, set()), source
    rules = table(workspace, names.ISSUES).group_by("colonne", "regle").len().sort("colonne").rows()
    assert ("contexte_rp_population", "commune-sans-chiffre", 1) in rules
    assert {rule for _, rule, _ in rules} == {"commune-sans-chiffre"}


def test_a_commune_counted_by_its_former_communes_is_whole(workspace):
    passage = table(workspace, names.PASSAGE).filter(pl.col("code").is_not_null())
    told = table(workspace, names.figures_table("contexte_rp_population"))
    former = passage.filter(pl.col("code_ancien").is_in(told["code"].implode()))
    (merged,) = former["code"].unique()
    parts = [merged, *former["code_ancien"]]
    old = told.filter(pl.col("code").is_in(parts) & pl.col("mesure").str.ends_with("s_65_plus"))
    assert old.height == 2 * len(parts)
    share = told_by(workspace, merged, "habitants_65_ans_ou_plus_pct")
    assert share["source"] == "contexte_rp_population"
    assert share["numerateur"] == pytest.approx(old["valeur"].sum())


def test_what_a_source_lacks_comes_from_the_cells(workspace):
    missing = table(workspace, names.ISSUES).filter(pl.col("colonne") == "contexte_rp_population")["id_source"][0]
    assert told_by(workspace, missing, "habitants_65_ans_ou_plus_pct")["source"] == "carreaux_200m"
    assert told_by(workspace, missing, "indice_vieillissement")["statut"] == "non disponible"  # cells do not tell it
    poor = table(workspace, names.CONTEXT).filter(pl.col("indicateur") == "taux_pauvrete_pct")
    assert set(poor["source"].drop_nulls()) == {"contexte_filosofi_long", "carreaux_200m"}
    income = table(workspace, names.CONTEXT).filter(pl.col("indicateur") == "revenu_median")
    assert "secret statistique" in set(income["statut"])


def test_a_quartier_over_two_communes_counts_once_above(workspace):
    quarters = table(workspace, names.QPV)
    assert set(quarters["millesime"]) == {"2015", "2024"}
    recent = quarters.filter(pl.col("millesime") == "2024")
    assert recent["communes"].list.len().max() == 2
    counts = table(workspace, names.CONTEXT_ZONES).filter(pl.col("indicateur") == "nombre_qpv")
    own = counts.filter(pl.col("niveau") == "commune")["valeur"].sum()
    assert own > recent.height == counts.filter(pl.col("niveau") == "france")["valeur"].item()


def test_a_bassin_de_vie_without_a_name_bears_that_of_its_commune(workspace):
    named = table(workspace, names.ZONES).filter(pl.col("niveau") == "bassin_vie")
    assert named["nom"].null_count() == 0
    assert named["nom"].str.ends_with("(fictif)").sum() == named.height - 1


@pytest.mark.lent
def test_the_same_files_give_the_same_bytes(workspace, edition, tmp_path):
    again = Workspace(DataRoot(tmp_path), mirror=edition(0).mirror)
    fetch(again, *FIRST, *CONTEXT)
    materialize(again)
    for name in names.TABLES:
        assert again.tables.content(name) == workspace.tables.content(name), name


@pytest.mark.lent
def test_nothing_is_computed_twice_and_a_changed_file_is(edition, tmp_path):
    mirror = edition(0).copy(tmp_path / "miroir")
    workspace = Workspace(DataRoot(tmp_path / "racine"), mirror=mirror)
    fetch(workspace, *FIRST)
    assert all(materialize(workspace).values())
    lonely = table(workspace, names.CONTEXT)
    assert set(lonely.filter(pl.col("indicateur") == "taux_chomage_pct")["statut"]) == {"non disponible"}
    assert table(workspace, names.QPV).is_empty()
    assert table(workspace, names.MEMBERSHIP)["bassin_vie"].null_count() == lonely["code_insee"].n_unique()
    absent = table(workspace, names.CONTEXT_ZONES).filter(pl.col("indicateur") == "taux_chomage_pct")
    assert set(absent["part_inconnue"]) == {1.0}

    fetch(workspace, "contexte_rp_emploi")
    assert all(materialize(workspace).values())
    assert not any(materialize(workspace).values())
    url = get_source("contexte_rp_emploi").resources[0].url
    file = mirror_file(mirror, url)
    bare = tmp_path / "vide.csv"
    bare.write_text("CODGEO;P22_ACT1564;P22_CHOM1564\n96001;100;25\n", encoding="utf-8")
    shutil.copy(bare, file)  # a file may come unpacked
    fetch(workspace, "contexte_rp_emploi")
    assert all(materialize(workspace).values())
    assert told_by(workspace, "96001", "taux_chomage_pct")["valeur"] == 25


def test_a_release_is_cut_to_its_perimeter(workspace, monkeypatch):
    nothing = pl.Series(dtype=pl.String)
    monkeypatch.setattr(scope, "_named", lambda *_: (nothing, nothing))  # no counters here
    frames = scope.released_tables(workspace.tables, ["96"])
    mine = table(workspace, names.MEMBERSHIP).filter(pl.col("departement") == "96")
    assert 0 < mine.height < table(workspace, names.MEMBERSHIP).height
    assert set(frames[names.MEMBERSHIP]["code"]) == set(mine["code"])
    assert set(frames[names.CONTEXT]["code_insee"]) == set(mine["code"])
    cut = frames[names.ZONES]
    assert set(cut.filter(pl.col("niveau") == "epci")["code"]) == set(mine["epci"].drop_nulls())
    assert cut.filter(pl.col("niveau") == "france").height == 1
    rows = frames[names.CONTEXT_ZONES]
    assert set(rows.filter(pl.col("niveau") == "commune")["code"]) == set(mine["code"])
    stored = table(workspace, names.CONTEXT_ZONES).join(rows, on=["niveau", "code"], how="semi")
    assert rows.equals(stored), "rows stay in the order they are stored in"


@pytest.mark.lent
def test_the_demo_of_two_months_is_the_same_world(edition):
    """The tables of context do not change from month to month."""
    first, second = edition(0), edition(1)
    for source in CONTEXT:
        url = get_source(source).resources[0].url
        assert mirror_file(first.mirror, url).read_bytes() == mirror_file(second.mirror, url).read_bytes()
