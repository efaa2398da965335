"""Dagster resources: the workspace, configured from the launchpad, the environment or the command line."""

import os
from pathlib import Path

import dagster as dg

from pipeline.foundations.paths import DataRoot
from pipeline.foundations.workspace import Workspace


class WorkspaceResource(dg.ConfigurableResourceFactory[Workspace]):
    """Data root and origin of the feeds.

    `data_dir` empty means `CSP_DATA`, else `./data`; `mirror` empty means `CSP_MIRROR`, else the network. The
    environment is read when a run starts, never at import.
    """

    data_dir: str = ""
    mirror: str = ""
    frozen: bool = False
    fictional: bool = False

    def create_resource(self, context: dg.InitResourceContext) -> Workspace:
        """The workspace of this run."""
        mirror = self.mirror or os.environ.get("CSP_MIRROR", "")
        return Workspace(
            DataRoot.resolve(self.data_dir or None),
            mirror=Path(mirror).expanduser().resolve() if mirror else None,
            frozen=self.frozen,
            fictional=self.fictional,
        )
