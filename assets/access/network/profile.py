"""What a mode makes of road segments: where it may go, which way, at what cost. The numbers are in `profils.yml`.

A cost is a whole number of milliseconds, a length a whole number of centimetres: sums of them are exact whatever the
order, so that contracting, repairing and recomputing give the very same answer.
"""

from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
import numpy.typing as npt
import polars as pl
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.foundations.errors import WrongUse
from sources.roads import CAR_ACCESS

_FILE = Path(__file__).with_name("profils.yml")
#: Cost of what cannot be travelled, in either unit.
CLOSED = np.iinfo(np.int32).max

Costs = npt.NDArray[np.int32]
Speed = Annotated[float, Field(gt=0, le=200)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Access(_Strict):
    """The leg between a place and the road."""

    vitesse_kmh: Speed
    maximum_m: float = Field(gt=0)


class Topology(_Strict):
    """When ends meet, and which parts of the graph are too small to be kept."""

    tolerance_m: float = Field(ge=0, le=5)
    ecart_altitude_m: float = Field(gt=0)
    composante_minimale: int = Field(ge=1)


class Profile(_Strict):
    """One mode."""

    titre: str
    sens: Literal["vehicule", "velo", "aucun"]
    vitesse_du_producteur: bool
    coefficient_vitesse_legale: float = Field(1.0, gt=0, le=1)
    rattachement_kmh: Speed | None = None  # speed between a place and the road, where it is not the common one
    vitesse_min_kmh: Speed
    vitesse_max_kmh: Speed
    penalite_urbaine_s: float = Field(ge=0)
    acces: tuple[str, ...]
    congestion: dict[str, Annotated[float, Field(ge=1, le=5)]]
    sans_arret: tuple[str, ...]
    vitesses: dict[str, Speed | dict[int | Literal["defaut"], Speed]]

    @model_validator(mode="after")
    def _known_access(self) -> Self:
        if unknown := sorted(set(self.acces) - set(CAR_ACCESS)):
            raise ValueError(f"acces: {', '.join(unknown)} not in {', '.join(CAR_ACCESS)}")
        if absent := [n for n, v in self.vitesses.items() if isinstance(v, dict) and "defaut" not in v]:
            raise ValueError(f"vitesses: no `defaut` for {', '.join(absent)}")
        return self


class Profiles(_Strict):
    """`profils.yml`."""

    rattachement: Access
    topologie: Topology
    densite: dict[str, float]
    profils: dict[str, Profile]

    @model_validator(mode="after")
    def _same_classes(self) -> Self:
        for name, profile in self.profils.items():
            if set(profile.congestion) != set(self.densite):
                raise ValueError(f"profils.{name}.congestion: a factor for each of {', '.join(self.densite)}")
        return self

    def profile(self, name: str) -> Profile:
        """The profile of that name.

        Raises:
            WrongUse: there is none.
        """
        if name not in self.profils:
            raise WrongUse(
                f"mode {name!r}",
                expected=f"one of {', '.join(self.profils)}",
                found="an unknown mode",
                remedy=f"add it to {_FILE.name}, or choose one of those",
            )
        return self.profils[name]

    def access(self, name: str) -> Access:
        """The leg between places and the roads of that mode."""
        own = self.profile(name).rattachement_kmh
        return self.rattachement if own is None else self.rattachement.model_copy(update={"vitesse_kmh": own})


def load_profiles(path: Path) -> Profiles:
    """Read and validate a profiles file.

    Raises:
        WrongUse: it is not YAML, or not a profiles file; every fault is listed.
    """
    try:
        return Profiles.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise WrongUse(str(path), expected="readable YAML", found=str(error), remedy="fix the file") from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise WrongUse(str(path), expected="speeds, access and topology", found=faults, remedy="fix it") from error


@cache
def profiles() -> Profiles:
    """The project's profiles."""
    return load_profiles(_FILE)


def costs(
    frame: pl.DataFrame,
    length_m: npt.NDArray[np.float64],
    profile: Profile,
    congestion: npt.NDArray[np.float64] | None = None,
) -> tuple[Costs, Costs]:
    """Milliseconds to drive each segment along its drawing, and against it; `CLOSED` where the mode may not.

    IGN's own rule: length over mean speed, plus a few seconds per urban segment.

    Args:
        frame: n rows in `sources.roads.SEGMENT_SCHEMA`.
        length_m: (n,) lengths.
        congestion: (n,) factor on driving time; 1 everywhere when not given.
    """
    speed = frame.select(_speed(profile)).to_series().fill_null(0.0).to_numpy()
    allowed = frame.select(_allowed(profile)).to_series().to_numpy() & (speed > 0)
    seconds = length_m / np.where(allowed, np.clip(speed, profile.vitesse_min_kmh, profile.vitesse_max_kmh), 1) * 3.6
    if congestion is not None:
        seconds = seconds * congestion
    seconds = seconds + profile.penalite_urbaine_s * frame["urbain"].fill_null(False).to_numpy()
    timed = frame["duree_s"].fill_null(np.nan).to_numpy()
    seconds = np.where(np.isfinite(timed), timed, seconds)
    cost = np.clip(np.rint(seconds * 1000), 1, CLOSED - 1).astype(np.int64)
    way = frame.select(_direction(profile)).to_series().to_numpy()
    along = np.where(allowed & (way >= 0), cost, CLOSED).astype(np.int32)
    against = np.where(allowed & (way <= 0), cost, CLOSED).astype(np.int32)
    return along, against


def stops(frame: pl.DataFrame, profile: Profile) -> npt.NDArray[np.bool_]:
    """Whether one may stop on each segment: places are attached to those only."""
    unfit = pl.col("nature").is_in(list(profile.sans_arret)) | pl.col("bac") | pl.col("fictif")
    kept = ~unfit.fill_null(False)
    return frame.select(kept).to_series().to_numpy()


def _speed(profile: Profile) -> pl.Expr:
    """Table speed by nature and importance; the producer's when it gives one and the profile takes it."""
    flat = {n: v["defaut"] if isinstance(v, dict) else v for n, v in profile.vitesses.items()}
    table = pl.col("nature").replace_strict(flat, default=None, return_dtype=pl.Float64)
    graded = pl.col("nature") + "/" + pl.col("importance").cast(pl.String)
    by_rank = {f"{n}/{k}": s for n, v in profile.vitesses.items() if isinstance(v, dict) for k, s in v.items()}
    table = pl.coalesce(graded.replace_strict(by_rank, default=None, return_dtype=pl.Float64), table)
    if not profile.vitesse_du_producteur:
        return table
    # OSM natures are lower-case words: their speeds are legal ones.
    legal = pl.col("nature").str.contains("^[a-z_]+$")
    given = pl.col("vitesse_kmh").cast(pl.Float64)
    given = pl.when(legal).then(given * profile.coefficient_vitesse_legale).otherwise(given)
    # A nature out of the table is not for this mode, whatever speed the producer gives.
    return pl.when(table.is_not_null()).then(pl.coalesce(given, table))


def _allowed(profile: Profile) -> pl.Expr:
    # What a producer does not say is open.
    open_ = pl.col("en_service").fill_null(True) & pl.col("acces_voiture").fill_null("libre").is_in(list(profile.acces))
    match profile.sens:
        case "aucun":
            return open_ & pl.col("acces_pieton").fill_null(True)
        case "velo":
            return open_ & pl.col("acces_velo").fill_null(True)
        case _:
            return open_


def _direction(profile: Profile) -> pl.Expr:
    match profile.sens:
        case "aucun":
            return pl.col("sens") * 0
        case "velo":
            return pl.coalesce("sens_velo", "sens")
        case _:
            return pl.col("sens")
