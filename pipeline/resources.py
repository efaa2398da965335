"""Dagster resources: the workspace, configured from the launchpad, the environment or the command line."""

import os
from pathlib import Path

import dagster as dg

from pipeline.foundations.paths import DataRoot
from pipeline.foundations.workspace import Workspace


@dg.resource(
    config_schema={
        "data_dir": dg.Field(str, default_value="", description="Data root; empty means CSP_DATA, else ./data."),
        "mirror": dg.Field(
            str, default_value="", description="Mirror of the feeds; empty means CSP_MIRROR, else none."
        ),
        "frozen": dg.Field(bool, default_value=False, description="Use the last good snapshots; ask nobody."),
        "geocode": dg.Field(bool, default_value=False, description="Ask the geocoding service for missing positions."),
    },
    description="Data root and origin of the feeds.",
)
def workspace(context: dg.InitResourceContext) -> Workspace:
    """The workspace of a run. The environment is read when the run starts, never at import."""
    config = context.resource_config
    mirror = config["mirror"] or os.environ.get("CSP_MIRROR", "")
    return Workspace(
        DataRoot.resolve(config["data_dir"] or None),
        mirror=Path(mirror).expanduser().resolve() if mirror else None,
        frozen=config["frozen"],
        geocode=config["geocode"],
    )
