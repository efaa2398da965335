"""`implantation.yml` as typed data: what siting counts, and what it may take."""

from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field

from pipeline.foundations.declared import Strict, load

_FILE = Path(__file__).with_name("implantation.yml")
Count = Annotated[int, Field(gt=0)]


class SitingSettings(Strict):
    """`implantation.yml`."""

    plafond_min: Annotated[int, Field(gt=0, le=600)]
    secondes: Annotated[float, Field(gt=0, le=3600)]
    ensembles_max: Count
    candidats_max: Count
    octets_max: Count

    @property
    def ceiling_s(self) -> int:
        """Seconds a trip counts for at most."""
        return 60 * self.plafond_min


def load_settings(path: Path = _FILE) -> SitingSettings:
    """Read and check the settings.

    Raises:
        WrongUse: not YAML, or not of this shape; every fault is listed.
    """
    return load(SitingSettings, path)


@cache
def settings() -> SitingSettings:
    """The project's settings."""
    return load_settings()
