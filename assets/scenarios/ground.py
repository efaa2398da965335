"""What edits are checked against, from a data root: communes, places, ids, and the position of addresses."""

from datetime import UTC, datetime

import polars as pl

from assets.referentiel.geocode.geoplateforme import AnswerStore, answers, ask
from assets.referentiel.geocode.settings import settings
from assets.scenarios.base import Base
from assets.scenarios.supply import Geocoder, Ground
from pipeline.foundations.errors import WrongUse
from pipeline.foundations.workspace import Workspace


def ground_of(workspace: Workspace, base: Base) -> Ground:
    """The ground of a base."""
    tables = workspace.tables
    communes = tables.read("territories__communes").select("code", "nom", "departement", "geometrie")
    return Ground(
        communes=communes,
        places=tables.read("referentiel__lieux").select("lieu_id", "lieu_longitude", "lieu_latitude"),
        registry=tables.read("referentiel__registre").select("id", "etat", "remplace_par"),
        aliases=base.aliases,
        geocode=_geocoder(workspace, communes),
    )


def _geocoder(workspace: Workspace, communes: pl.DataFrame) -> Geocoder:
    """Asks the Géoplateforme, and keeps its answers: the same address is asked once."""
    store = AnswerStore(workspace.root.path / "geocodage" / "scenarios.jsonl")
    rules = settings().geoplateforme

    def position(address: str, commune: str) -> tuple[float, float]:
        names = communes.filter(pl.col("code") == commune)["nom"]
        if names.is_empty():
            raise WrongUse(
                f"address « {address} »", expected="the Insee code of a commune", found=commune, remedy="check it"
            )
        wanted = pl.DataFrame({"code_lieu": [commune], "cle_adresse": [address], "commune": [names[0]]})
        ask(wanted, store, rules, today=datetime.now(UTC).date(), districts={})
        found = answers(wanted, store, rules, {})
        if found["longitude"].null_count():
            raise WrongUse(
                f"address « {address} », {names[0]}",
                expected="one the geocoding service finds in that commune",
                found=str(found["motif"][0]),
                remedy="correct it, or give longitude and latitude",
            )
        return float(found["longitude"][0]), float(found["latitude"][0])

    return position
