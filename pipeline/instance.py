"""The Dagster instance of a data root: the command line, `csp dev` and the daemon see the same runs."""

import os
import shutil
from pathlib import Path

from dagster import DagsterInstance

from pipeline.foundations.paths import DataRoot

_CONFIG = Path(__file__).parents[1] / "dagster.yaml"


def home_of(root: DataRoot) -> Path:
    """`DAGSTER_HOME` when set, else a folder of the data root; made, with the project's `dagster.yaml`, when absent."""
    home = Path(os.environ.get("DAGSTER_HOME") or root.dagster).expanduser().resolve()
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").is_file():
        if _CONFIG.is_file():
            shutil.copyfile(_CONFIG, home / "dagster.yaml")
        else:  # installed from a wheel, which does not carry the repository's root
            (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
    return home


def instance_of(root: DataRoot) -> DagsterInstance:
    """Open the instance of a data root."""
    return DagsterInstance.from_config(str(home_of(root)))
