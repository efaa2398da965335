"""What a project is made of: a scenario file as typed data. Names are those the official vocabulary uses.

Only the shape; reading files belongs to `read`, what an edit does to the counters to `supply`.
"""

from typing import Annotated, Literal, Self

from opening_hours import validate
from pydantic import AfterValidator, Field, model_validator

from assets.referentiel.hours import weekly_hours
from assets.referentiel.typology import typologies
from pipeline.foundations.declared import Strict


def _known_typology(label: str) -> str:
    if label not in typologies().labels:
        raise ValueError(f"« {label} » is not a typology of typologies.yml{_near(label, typologies().labels)}")
    return label


def _hours(text: str) -> str:
    if not validate(text):
        raise ValueError(f"« {text} » is not OSM opening hours")
    if weekly_hours(text) is None:
        raise ValueError(f"« {text} » never opens, or says no times")
    return text


def _near(text: str, known: list[str]) -> str:
    from rapidfuzz import process

    best = process.extractOne(text, known, score_cutoff=60)
    return f"; the nearest is « {best[0]} »" if best else ""


TypologyLabel = Annotated[str, AfterValidator(_known_typology)]
OsmHours = Annotated[str, AfterValidator(_hours)]
#: A counter: `point_accueil_id`, or a service or official id that names one counter only.
CounterId = Annotated[str, Field(min_length=1)]


class Place(Strict):
    """Where: exactly one of coordinates (WGS84), an existing place, the place of a counter, or an address."""

    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    lieu_id: str | None = None
    guichet: CounterId | None = None
    adresse: str | None = None
    commune: str | None = None  # Insee code of the address

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.longitude is None) != (self.latitude is None):
            raise ValueError("longitude and latitude go together")
        if (self.adresse is None) != (self.commune is None):
            raise ValueError("an address goes with the Insee code of its commune")
        given = [self.longitude, self.lieu_id, self.guichet, self.adresse]
        if sum(g is not None for g in given) != 1:
            raise ValueError("one of: longitude and latitude, lieu_id, guichet, adresse and commune")
        return self


class Open(Strict):
    """A new counter, held all week."""

    action: Literal["ouvrir"]
    typologie: TypologyLabel
    lieu: Place
    horaires: OsmHours | None = None  # unknown hours stay unknown
    nom: str | None = None


class Close(Strict):
    """A counter that no longer receives anybody."""

    action: Literal["fermer"]
    id: CounterId


class Move(Strict):
    """The same counter, elsewhere."""

    action: Literal["deplacer"]
    id: CounterId
    lieu: Place


class Merge(Strict):
    """Several counters of one typology become one."""

    action: Literal["fusionner"]
    ids: tuple[CounterId, ...] = Field(min_length=2)
    lieu: Place
    horaires: OsmHours | None = None
    nom: str | None = None


class ChangeHours(Strict):
    """The same counter, at other hours."""

    action: Literal["changer_horaires"]
    id: CounterId
    horaires: OsmHours


class Permanence(Strict):
    """A service received from time to time at another's."""

    action: Literal["permanence"]
    typologie: TypologyLabel
    hote: CounterId
    horaires: OsmHours
    nom: str | None = None


class Stop(Strict):
    """A stop of a mobile service."""

    lieu: Place
    horaires: OsmHours


class Tour(Strict):
    """A mobile service."""

    action: Literal["itinerance"]
    typologie: TypologyLabel
    arrets: tuple[Stop, ...] = Field(min_length=1)
    nom: str | None = None


Edit = Annotated[Open | Close | Move | Merge | ChangeHours | Permanence | Tour, Field(discriminator="action")]


class Scenario(Strict):
    """A named list of edits on one release, in order."""

    nom: Annotated[str, Field(min_length=1, max_length=120)]
    base: str = Field(pattern=r"^[0-9]{4}\.[0-9]{2}\.[0-9]{2}(\.[1-9][0-9]*)?$")
    description: str | None = None
    modifications: tuple[Edit, ...] = Field(min_length=1)
