"""What runs when something happens: a release is attempted after the distances were computed again by hand.

Kept apart from schedules, which only know the clock.
"""

import dagster as dg

from pipeline.jobs import ACCESS, PUBLISH


@dg.run_status_sensor(
    name="publier_apres_acces",
    monitored_jobs=[ACCESS],
    request_job=PUBLISH,
    run_status=dg.DagsterRunStatus.SUCCESS,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Après un calcul des distances réussi, tente une nouvelle version (arrêté par défaut).",
)
def publish_after_access(context: dg.RunStatusSensorContext) -> dg.RunRequest:
    """One publication per successful run of the access job."""
    return dg.RunRequest(run_key=context.dagster_run.run_id)


SENSORS = [publish_after_access]
