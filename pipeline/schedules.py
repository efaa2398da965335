"""When jobs run by themselves: a daily check of the feeds, a monthly release of the whole country."""

from collections.abc import Iterator

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from pipeline.jobs import BUILD, REFRESH
from pipeline.partitions import known_departements

DAILY_CHECK = dg.ScheduleDefinition(
    name="controle_quotidien",
    job=REFRESH,
    cron_schedule="30 5 * * *",
    execution_timezone="Europe/Paris",
    description="Chaque jour à 5 h 30 : interroge les sources ; rien n'est recalculé quand rien n'a changé.",
)


@dg.schedule(
    name="version_mensuelle",
    job=BUILD,
    cron_schedule="0 6 2 * *",
    execution_timezone="Europe/Paris",
    description="Le 2 de chaque mois à 6 h : toute la France, des sources à la version publiée.",
)
def monthly_release(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """The whole country in one run, once the départements are known."""
    known = known_departements(context.instance)
    if not known:
        yield dg.SkipReason("Aucun département connu : lancer d'abord le job « actualiser ».")
        return
    yield dg.RunRequest(tags={ASSET_PARTITION_RANGE_START_TAG: known[0], ASSET_PARTITION_RANGE_END_TAG: known[-1]})


SCHEDULES = [DAILY_CHECK, monthly_release]
