"""The jobs: what a person, a schedule or the command line launches. All of them run over the same assets."""

import dagster as dg

from assets.access.tables import MEASURED, NETWORK
from assets.referentiel.assets import WORKLIST
from assets.release.assets import CONTRACT_CHECK, JUDGED, RELEASE, VERDICT
from assets.scenarios.assets import EVALUATION
from assets.scenarios.tables import ATLAS
from assets.tension.tables import MADE

#: The verdict's results, shown table by table once it is there; the other checks belong to the steps that make them.
_TABLE_CHECKS = dg.AssetSelection.checks(*(dg.AssetCheckKey(dg.AssetKey(t), CONTRACT_CHECK) for t in JUDGED))

#: Ask every feed, and bring the référentiel up to date.
REFRESH = dg.define_asset_job(
    "actualiser",
    selection=(dg.AssetSelection.groups("raw", "territories", "referentiel") | dg.AssetSelection.assets(NETWORK))
    - dg.AssetSelection.assets(WORKLIST)
    - _TABLE_CHECKS,
    description="Interroge les sources et met à jour le référentiel.",
)
#: Distances and travel times, for a range of départements.
ACCESS = dg.define_asset_job(
    "acces",
    selection=dg.AssetSelection.assets(*MEASURED).without_checks(),
    description="Calcule les distances et les temps d'accès, pour une plage de départements.",
)
#: Measure the indicators, judge the tables, then stage and promote a release.
PUBLISH = dg.define_asset_job(
    "publier",
    selection=dg.AssetSelection.assets(WORKLIST, *MADE, *ATLAS, VERDICT, RELEASE) | _TABLE_CHECKS,
    description="Calcule les indicateurs, juge les tables, puis prépare et promeut une version.",
)
#: From feeds to release in one run, for a contiguous range of départements (the whole country as a rule).
BUILD = dg.define_asset_job(
    "construire",
    selection=dg.AssetSelection.groups("raw", "territories", "referentiel", "access", "tension", "release")
    | dg.AssetSelection.assets(*ATLAS),
    description="Des sources à la version publiée, en une fois.",
)
#: A project, on a release that is there: its file is in the run's configuration, its name is the partition.
SCENARIO = dg.define_asset_job(
    "scenario",
    selection=dg.AssetSelection.assets(EVALUATION),
    description="Évalue un projet : le fichier est dans la configuration de l'exécution.",
)
JOBS = [REFRESH, ACCESS, PUBLISH, BUILD, SCENARIO]
