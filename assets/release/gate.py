"""The judgement that lets a release through: rules on its tables, movements and state of its sources, acceptances.

The rules themselves are in `quality`; this module gathers what they judge and writes what they say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import polars as pl

from assets.raw.ingest import SourceState, issues_table, read_state
from assets.referentiel.personnel import personal_results
from assets.referentiel.terrain import correction_issues
from assets.release import scope
from assets.release.context import METHOD, ReleaseContext, describe_source
from assets.release.manifest import Code
from assets.release.manifest import Verdict as VerdictSummary
from assets.release.versions import find, latest, next_version
from outputs.metadata.publication import publication
from pipeline.foundations import fingerprint
from pipeline.foundations.errors import CspError, QualityRefused, WrongUse
from pipeline.foundations.issues import concat_issues
from pipeline.foundations.paths import DataRoot
from pipeline.foundations.progress import reporter
from pipeline.foundations.workspace import Workspace
from quality.acceptances import apply_acceptances, load_acceptances
from quality.contract import Contract, all_contracts
from quality.coverage import Coverage, measure
from quality.data_docs import DataDocs
from quality.report import ReportContext, write_issues_csv, write_report
from quality.results import RuleResult, number
from quality.validate import validate_tables
from quality.variation import (
    ABSENT,
    Counts,
    SourceStatus,
    check_sources,
    compare_counts,
    count_records,
    load_thresholds,
)
from quality.verdict import Judged, Verdict, judge, read_judged, read_verdict
from sources.registry import all_sources
from sources.spec import SourceSpec

VERDICT_FILE = "verdict.json"
JUDGED_FILE = "tables.json"
REPORT_FILE = "rapport.html"
ISSUES_FILE = "issues.csv"
DATA_DOCS = "data_docs"
#: For a context whose fingerprint alone is wanted: it does not depend on the verdict.
NO_VERDICT = VerdictSummary(statut="", cle="", comptes={})
_ACCESS = "access__acces_communes"
_ISSUE_TABLES = (
    "territories__issues",
    "territories__carreaux_issues",
    "territories__contexte_issues",
    "referentiel__issues",
    "access__issues",
)


@dataclass(frozen=True)
class Case:
    """What is about to be published: the perimeter, the sources as they are, and the date everything refers to."""

    departements: tuple[str, ...]
    sources: Mapping[str, tuple[SourceSpec, SourceState]]
    inputs: Mapping[str, str]  # digest of each table
    date_reference: datetime
    fictional: bool

    @property
    def code(self) -> Code:
        """The code that makes the release."""
        return Code(version=version("carto-services-publics"), empreinte=fingerprint.of_code())

    @property
    def refused(self) -> dict[str, int]:
        """Sources whose new version was refused for having too few rows, and how many it had."""
        return {name: s.sous_minimum for name, (_, s) in self.sources.items() if s.sous_minimum is not None}

    def context(
        self,
        verdict: VerdictSummary,
        counts: Mapping[str, int] | None = None,
        coverage: tuple[Coverage, ...] = (),
    ) -> ReleaseContext:
        """What the release will say of itself."""
        label = " — DONNÉES FICTIVES" if self.fictional else ""
        warning = " Département imaginaire : aucune de ces données n'est réelle." if self.fictional else ""
        method = METHOD.read_text(encoding="utf-8") if METHOD.is_file() else None
        return ReleaseContext(
            titre=f"{publication().titre}{label}",
            description=publication().resume + warning,
            fictif=self.fictional,
            perimetre=self.departements,
            date_reference=self.date_reference,
            code=self.code,
            sources=tuple(
                describe_source(spec, state, date_reference=self.date_reference)
                for spec, state in self.sources.values()
            ),
            verdict=verdict,
            comptages=counts or {},
            couverture=coverage,
            methode=method,
            parameters={
                "tables": dict(self.inputs),
                "refusees": self.refused,
                "fictif": self.fictional,
                "methode": None if method is None else fingerprint.of_values(method),
            },
        )


def open_case(workspace: Workspace, departements: Sequence[str]) -> Case:
    """Gather what a release of that perimeter would be made from.

    Raises:
        CspError: a table is missing, or no source was ever read.
    """
    specs = [s.imagined() if workspace.fictional else s for s in all_sources().values()]
    states = {s.id: (s, read_state(workspace.snapshots.root, s.id)) for s in specs}
    # Nobody is at fault when nothing was imported yet: there is nothing to say of it.
    states = {n: (s, state) for n, (s, state) in states.items() if not (s.imported and state.etat == "absente")}
    downloads = [f.date_telechargement for _, state in states.values() for f in state.fichiers]
    if not downloads:
        raise CspError(
            f"data root {workspace.root.path}",
            expected="at least one source read",
            found="no snapshot in use",
            remedy="run `csp build`",
        )
    return Case(
        departements=tuple(departements),
        sources=states,
        inputs=scope.inputs(workspace.tables, departements),
        date_reference=max(downloads).replace(microsecond=0),
        fictional=workspace.fictional,
    )


def key_of(workspace: Workspace, case: Case) -> str:
    """Fingerprint of everything the verdict depends on."""
    accepted = workspace.root.acceptances
    states = {
        name: (state.empreinte, state.etat, state.refus, state.sous_minimum)
        for name, (_, state) in case.sources.items()
    }
    return fingerprint.of_values(
        fingerprint.of_code(),
        dict(case.inputs),
        states,
        fingerprint.of_file(accepted) if accepted.is_file() else None,
        latest(workspace.root.releases),
        case.fictional,
    )


def pronounce(workspace: Workspace, case: Case) -> Verdict:
    """Judge the case, store the verdict with its report, issues and Data Docs, and return it.

    A verdict already stored for the very same case is returned as it is.
    """
    folder = workspace.root.quality
    key = key_of(workspace, case)
    stored = _stored(folder / VERDICT_FILE)
    if stored is not None and stored.cle == key:
        return stored
    reporter().step("contrôle qualité")
    frames = scope.released_tables(workspace.tables, case.departements)
    contracts = {name: contract for name, contract in all_contracts().items() if name in frames}
    results = _of_tables(folder, case, frames, contracts)

    statuses = [_status(spec, state, case.date_reference) for spec, state in case.sources.values()]
    feeds = [spec.id for spec, state in case.sources.values() if spec.kind == "counters" and state.etat != "absente"]
    counts = count_records({name: workspace.tables.read(f"raw__{name}") for name in feeds})
    previous = previous_counts(workspace)
    results += compare_counts(counts, previous, load_thresholds())
    results += check_sources(statuses)
    types = workspace.tables.read("referentiel__types")
    results += check_codes(types)
    results += check_network(frames[_ACCESS])
    results += personal_results(workspace.tables.read("referentiel__personnel"))
    snapshots = {name: state.empreinte for name, (_, state) in case.sources.items()}
    results = apply_acceptances(results, load_acceptances(workspace.root.acceptances), snapshots)

    verdict = judge(key, results, counts=counts, sources=statuses, coverage=measure(frames))
    issues = _issues(workspace, case)
    write_issues_csv(issues, folder / ISSUES_FILE)
    context = case.context(summary(verdict))
    write_report(
        folder / REPORT_FILE,
        verdict,
        issues,
        ReportContext(
            titre=context.titre,
            version=next_version(workspace.root.releases, case.date_reference.date()),
            date_reference=case.date_reference.date(),
            contracts=contracts,
            previous=previous,
            previous_version=latest(workspace.root.releases),
            outside=_outside(types),
            fictif=case.fictional,
        ),
    )
    verdict.write(folder / VERDICT_FILE)
    return verdict


def _of_tables(
    folder: Path, case: Case, frames: Mapping[str, pl.DataFrame], contracts: Mapping[str, Contract]
) -> list[RuleResult]:
    """The rules on the tables, with their Data Docs; those of the run before when it judged these very tables.

    A steward who accepts a breach, or a feed that does not answer, changes the verdict and no table.
    """
    key = fingerprint.of_values(fingerprint.of_code(), dict(case.inputs), case.date_reference)
    docs = DataDocs(folder / DATA_DOCS, run_name="controle", run_time=case.date_reference)
    stored = read_judged(folder / JUDGED_FILE)
    if stored is not None and stored.cle == key and (docs.folder / "index.html").is_file():
        return list(stored.resultats)
    (folder / JUDGED_FILE).unlink(missing_ok=True)  # the Data Docs are about to be others
    results = validate_tables(frames, contracts, data_docs=docs)
    Judged(cle=key, resultats=tuple(results)).write(folder / JUDGED_FILE)
    return results


def check_codes(types: pl.DataFrame) -> list[RuleResult]:
    """Warn of type codes that no list of the typology file knows, one result per source.

    Args:
        types: `source, code_type, statut, enregistrements`.
    """
    results = []
    for (source,), codes in types.group_by("source", maintain_order=True):
        unseen = codes.filter(pl.col("statut") == "inconnue")
        shown = ", ".join(
            f"{code or '(vide)'} ({number(n)})" for code, n in unseen["code_type", "enregistrements"].iter_rows()
        )
        results.append(
            RuleResult(
                source=str(source),
                regle=f"{source}.codes.connus",
                titre="Les codes de type sont connus",
                gravite="alerte",
                statut="échec" if unseen.height else "ok",
                observe=f"codes jamais vus : {shown}"
                if unseen.height
                else f"{number(codes.height)} codes, tous connus",
                attendu="des codes listés dans typologies.yml, publiés ou hors typologie",
                remede="Ranger ces codes dans assets/referentiel/typologies.yml : une typologie, ou hors_typologie.",
                nb_valeurs=int(codes["enregistrements"].sum()),
                nb_echecs=int(unseen["enregistrements"].sum()),
            )
        )
    return results


def check_network(access: pl.DataFrame) -> list[RuleResult]:
    """Warn of communes whose road network looks cut; nothing where no commune has roads.

    Args:
        access: `access__acces_communes`.
    """
    judged = access.filter(~pl.col("statut_principal").is_in(["sans réseau routier", "hors réseau"]))
    if judged.is_empty():
        return []
    suspect = judged.filter(pl.col("reseau_suspect"))["code_insee"].unique().sort()
    shown = ", ".join(suspect.head(20)) + (" …" if len(suspect) > 20 else "")
    return [
        RuleResult(
            table=_ACCESS,
            regle="acces.reseau.suspect",
            titre="Le réseau routier des communes n’est pas coupé",
            gravite="alerte",
            statut="échec" if len(suspect) else "ok",
            observe=f"{number(len(suspect))} communes aux détours anormaux ou sans itinéraire : {shown}"
            if len(suspect)
            else "aucun détour anormal",
            attendu="des trajets sans détour démesuré, et un itinéraire (seuils dans acces.yml)",
            remede="Regarder le fichier de routes autour de ces communes : extrait trop court, pont ou bac manquant.",
            nb_valeurs=judged["code_insee"].n_unique(),
            nb_echecs=len(suspect),
        )
    ]


def _outside(types: pl.DataFrame) -> dict[str, dict[str, int]]:
    """Records of each source by type code that is not published."""
    left_out = types.filter(pl.col("statut") != "publiée")
    found: dict[str, dict[str, int]] = {}
    for source, code, count in left_out["source", "code_type", "enregistrements"].iter_rows():
        found.setdefault(source, {})[code or "(vide)"] = count
    return found


def _stored(path: Path) -> Verdict | None:
    try:
        return read_verdict(path)
    except QualityRefused:
        return None


def previous_counts(workspace: Workspace) -> Counts | None:
    """Counts of the last promoted release, the ones movements are measured against; None when there is none."""
    version = latest(workspace.root.releases)
    if version is None:
        return None
    return read_verdict(find(workspace.root.releases, version) / "qualite" / VERDICT_FILE).comptages


def judged_snapshot(root: DataRoot, source: str, rule: str) -> str:
    """The snapshot of a source in which the stored verdict found a breach of that rule, as acceptances name it.

    It is the one judged, not the one in use now: a file fetched since is another matter.

    Raises:
        QualityRefused: there is no verdict yet.
        WrongUse: the verdict holds no such breach; those of that source are listed.
    """
    stored = read_verdict(root.quality / VERDICT_FILE)
    breaches = [r.regle for r in stored.resultats if r.source == source and r.statut == "échec"]
    if rule not in breaches:
        raise WrongUse(
            f"rule {rule!r} of source {source}",
            expected="a breach of the last verdict: " + (", ".join(breaches) or "none for this source"),
            found="no such breach",
            remedy=f"copy the rule from qualite/{REPORT_FILE}, or run `csp build` to judge the sources as they are now",
        )
    return next((s.empreinte for s in stored.sources if s.id == source), "") or ABSENT


def summary(verdict: Verdict) -> VerdictSummary:
    """The verdict as the manifest keeps it."""
    return VerdictSummary(statut=verdict.statut, cle=verdict.cle, comptes=verdict.comptes)


def _status(spec: SourceSpec, state: SourceState, date_reference: datetime) -> SourceStatus:
    day = state.date_fichier
    return SourceStatus(
        id=spec.id,
        titre=spec.title,
        etat=state.etat,
        refus=state.refus,
        requise=spec.required,
        empreinte=state.empreinte,
        date_fichier=day.date() if day else None,
        age_jours=(date_reference - day).days if day else None,
        age_max_jours=spec.max_age_days,
        lignes_lues=state.lignes_lues,
        lignes_utilisables=state.lignes_utilisables,
        sous_minimum=state.sous_minimum,
        borne_min=spec.bounds.min,
        borne_max=spec.bounds.max,
    )


def _issues(workspace: Workspace, case: Case) -> pl.DataFrame:
    names = [issues_table(spec) for spec, state in case.sources.values() if state.etat != "absente"]
    field = correction_issues(workspace.tables.read("referentiel__corrections"))
    return concat_issues([*(workspace.tables.read(name) for name in [*names, *_ISSUE_TABLES]), field])
