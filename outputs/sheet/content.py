"""What a sheet says of a territory, as typed figures: from the tables of a release, nothing invented.

A value nobody knows is None. Words are `document`'s; the map has its own reading, in `map`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from outputs.sheet.layers import Layers
from outputs.sheet.scheme import Scheme
from outputs.sheet.territory import COMMUNE, COUNTRY, LEVELS, Territory
from pipeline.foundations.errors import WrongUse

ROAD, CROW = "route", "vol d'oiseau"
NO_MEASURE, ALL_CLASSES, OF_TERRITORY = "sans objet", "ensemble", "(territoire)"
TENSE, FRAGILE = "En tension : offre faible et besoin fort", "Fragile : proche du seuil de tension"
_FRANCE = "FR"
#: Columns of the tables, and of what they are compared with.
MINUTES, HOURS = "temps_moyen_min", "heures_accessibles_semaine"
_PER_HEAD = "points_accueil_pour_100000"
_OF_INDEX = (
    "niveau",
    "territoire",
    "population",
    "classe_densite",
    "type_national",
    "rang_national",
    "raison_national",
    "tension_robuste",
)


@dataclass(frozen=True)
class Peers:
    """What a figure is compared with: territories of the same level and, for communes and EPCI, of the same density.

    `whole` is False where the release holds only some of them; times are always compared with all of them.
    """

    niveau: str
    classe: str | None
    whole: bool


@dataclass(frozen=True)
class KeyFigure:
    """One figure of the territory, the median of its peers, and the country's.

    `unknown` is the share (0 to 1) of what it is made from that nobody knows.
    """

    title: str
    decimals: int
    compared: bool
    unit: str | None = None
    value: float | None = None
    peers: float | None = None
    country: float | None = None
    vintage: str | None = None
    unknown: float = 1.0


@dataclass(frozen=True)
class Service:
    """One typology: its counters, and how far the people of the territory are from them.

    Everything is None where no source of the release lists that typology; times, shares and people where nothing is
    measured. `least` and `most` are those of the départements. `within` (% of the people) and `beyond` (people) are by
    threshold in minutes. `medians` are those of the peers, by column of the tables; `peers` how many have a time.
    """

    typology: str
    counters: int | None = None
    permanences: int | None = None
    stops: int | None = None
    per_100k: float | None = None
    per_100k_country: float | None = None
    least: float | None = None
    most: float | None = None
    minutes: float | None = None
    within: Mapping[int, float | None] = field(default_factory=dict)
    beyond: Mapping[int, float | None] = field(default_factory=dict)
    hours: float | None = None
    elsewhere_pct: float | None = None
    without_time_pct: float | None = None
    medians: Mapping[str, float | None] = field(default_factory=dict)
    peers: int = 0


@dataclass(frozen=True)
class Index:
    """The tension index of one territory, in words and rank (1 is the most in tension)."""

    code: str
    name: str
    population: float | None
    kind: str | None
    rank: int | None
    reason: str | None
    sturdy: bool


@dataclass(frozen=True)
class Tension:
    """Zones de tension inside the territory: how many, how many people, the first of them, and its own index if any."""

    niveau: str
    total: int
    tense: int
    fragile: int
    without_index: int
    population: float | None
    population_tense: float | None
    first: tuple[Index, ...]
    own: Index | None


@dataclass(frozen=True)
class Missing:
    """A service of a basket out of reach, by the people concerned."""

    typology: str
    without: float
    substitute: float


@dataclass(frozen=True)
class Basket:
    """One basket of services: what of it is within reach, its worst link, and what is missing the most."""

    code: str
    coverage_pct: float | None = None
    coverage_country: float | None = None
    complete_pct: float | None = None
    complete_country: float | None = None
    worst: str | None = None
    worst_minutes: float | None = None
    unknown_pct: float | None = None
    without_counter: str | None = None
    missing: tuple[Missing, ...] = ()


@dataclass(frozen=True)
class Place:
    """A place where several kinds of services receive."""

    name: str | None
    commune: str
    typologies: tuple[str, ...]


@dataclass(frozen=True)
class Content:
    """Everything a sheet says.

    `parents` are names of what the territory is part of; `held` how many of its communes the release has; `mesure` is
    `route`, `vol d'oiseau`, or None when the release measures nothing there; `sources` are ids, those of its counters.
    """

    territory: Territory
    parents: tuple[str, ...]
    held: int
    mesure: str | None
    peers: Peers
    figures: tuple[KeyFigure, ...]
    services: tuple[Service, ...]
    tension: Tension
    baskets: tuple[Basket, ...]
    places: tuple[Place, ...]
    shared_places: int
    all_places: int
    sources: tuple[str, ...]

    def service(self, typology: str) -> Service:
        """The row of a typology of `fiche.yml`."""
        return next(s for s in self.services if s.typology == typology)


def content(layers: Layers, territory: Territory, scheme: Scheme, perimeter: Sequence[str]) -> Content:
    """What the sheet of a territory says.

    Args:
        layers: tables of a release (`layers.NEEDED`).
        perimeter: codes of the départements of the release.

    Raises:
        WrongUse: no table of indicators knows the territory.
    """
    members = members_of(layers, territory)
    access = _of(layers["acces"], territory.niveau, territory.code).collect()
    supply = _of(layers["offre"], territory.niveau, territory.code).collect()
    about = layers["indicateurs"].filter(pl.col("typologie") == OF_TERRITORY)
    if access.is_empty() and supply.is_empty() and _of(about, territory.niveau, territory.code).collect().is_empty():
        raise WrongUse(
            f"{territory.nom} ({territory.code})",
            expected="indicators of that territory in the release",
            found="none",
            remedy="make a new release with `csp build`",
        )
    measures = set(access["mesure"])
    mesure = next((m for m in (ROAD, CROW) if m in measures), None)
    indices = layers["tension"].filter(pl.col("mesure").eq_missing(mesure)).select(_OF_INDEX).collect()
    national = layers["offre"].filter(pl.col("niveau") == "departement").select("territoire").unique().collect()
    whole = set(national["territoire"]) <= set(perimeter)
    own = indices.filter(pl.col("niveau") == territory.niveau, pl.col("territoire") == territory.code)
    peers = Peers(territory.niveau, own["classe_densite"][0] if own.height else None, whole)
    sizes = scheme.listes[territory.niveau]
    lieux = layers["lieux"].filter(pl.col("lieu_code_insee").is_in(members["code"].implode())).collect()
    shared = lieux.filter(pl.col("typologies").list.n_unique() > 1)
    return Content(
        territory=territory,
        parents=_parents(layers, territory, members),
        held=members.height,
        mesure=mesure,
        peers=peers,
        figures=_figures(about, territory, peers, indices, scheme),
        services=_services(layers, territory, access, supply, mesure, peers, scheme),
        tension=_tension(layers, territory, members, indices, sizes.tension),
        baskets=_baskets(layers, territory, mesure, scheme, sizes.manquants),
        places=_places(shared, members, sizes.lieux),
        shared_places=shared.height,
        all_places=lieux.height,
        sources=_sources(layers, members),
    )


def members_of(layers: Layers, territory: Territory) -> pl.DataFrame:
    """`code, nom, departement, region, epci, population` of the communes of the territory that the release holds."""
    inside = layers["appartenance"].filter(pl.col(territory.level.column) == territory.code).select("code")
    columns = ("code", "nom", "departement", "region", "epci", "population")
    return layers["communes"].select(*columns).join(inside, on="code", how="semi").sort("code").collect()


def tense_communes(layers: Layers, members: pl.DataFrame, niveau: str, mesure: str | None) -> set[str]:
    """Codes of the communes in tension; at another level, of those of a territory in tension."""
    tense = _of(layers["tension"], niveau).filter(pl.col("mesure").eq_missing(mesure), pl.col("type_national") == TENSE)
    codes = tense.select("territoire").collect()["territoire"]
    return set(members.filter(pl.col(LEVELS[niveau].column).is_in(codes.implode()))["code"])


def tension_level(niveau: str) -> str:
    """Level of the territories listed: communes, but EPCI in a région, which has thousands of communes."""
    return "epci" if niveau == "region" else COMMUNE


def within_column(minutes: int) -> str:
    """The column of `acces` that gives the share of the people within so many minutes."""
    return f"population_{minutes}_min_pct"


def _of(table: pl.LazyFrame, niveau: str, code: str | None = None) -> pl.LazyFrame:
    here = table.filter(pl.col("niveau") == niveau)
    return here if code is None else here.filter(pl.col("territoire") == code)


def _parents(layers: Layers, territory: Territory, members: pl.DataFrame) -> tuple[str, ...]:
    """What holds it: EPCI and département of a commune, région of a département; several where it straddles."""
    above = {COMMUNE: ("epci", "departement"), "departement": ("region",), "region": ()}
    zones = layers["zones"].select("niveau", "code", "nom").collect()
    names = {(level, code): name for level, code, name in zones.iter_rows()}
    found = []
    for level in above.get(territory.niveau, ("departement",)):
        for code in members[level].drop_nulls().unique().sort():
            name = names.get((level, code)) or code
            found.append(f"{name} ({code})" if level == "departement" else name)
    return tuple(found)


def _figures(
    about: pl.LazyFrame, territory: Territory, peers: Peers, indices: pl.DataFrame, scheme: Scheme
) -> tuple[KeyFigure, ...]:
    codes = [f.indicateur for f in scheme.chiffres]
    rows = about.filter(
        pl.col("indicateur").is_in(codes), pl.col("niveau").is_in([territory.niveau, COUNTRY])
    ).collect()
    same = rows.filter(pl.col("niveau") == territory.niveau)
    mine = {r["indicateur"]: r for r in same.filter(pl.col("territoire") == territory.code).iter_rows(named=True)}
    if peers.classe is not None:
        alike = indices.filter(pl.col("niveau") == territory.niveau, pl.col("classe_densite") == peers.classe)
        same = same.filter(pl.col("territoire").is_in(alike["territoire"].implode()))
    medians = dict(same.group_by("indicateur").agg(pl.col("valeur").median()).iter_rows())
    country = dict(rows.filter(pl.col("niveau") == COUNTRY).select("indicateur", "valeur").iter_rows())
    found = []
    for asked in scheme.chiffres:
        row, code = mine.get(asked.indicateur), asked.indicateur
        if row is None:
            found.append(KeyFigure(asked.titre, asked.decimales, asked.compare))
            continue
        found.append(
            KeyFigure(
                title=asked.titre,
                decimals=asked.decimales,
                compared=asked.compare,
                unit=row["unite"],
                value=row["valeur"],
                peers=medians.get(code) if asked.compare else None,
                country=country.get(code) if asked.compare else None,
                vintage=row["millesime"],
                unknown=row["part_inconnue"],
            )
        )
    return tuple(found)


def _services(
    layers: Layers,
    territory: Territory,
    access: pl.DataFrame,
    supply: pl.DataFrame,
    mesure: str | None,
    peers: Peers,
    scheme: Scheme,
) -> tuple[Service, ...]:
    references = layers["reperes"].filter(pl.col("typologie").is_in(list(scheme.services))).collect()
    compared = (MINUTES, HOURS, *map(within_column, scheme.seuils_min))
    counted = references.filter(
        pl.col("niveau") == "departement",
        pl.col("classe") == ALL_CLASSES,
        pl.col("mesure") == NO_MEASURE,
        pl.col("indicateur") == _PER_HEAD,
    )
    timed = references.filter(
        pl.col("niveau") == territory.niveau,
        pl.col("classe") == (peers.classe or ALL_CLASSES),
        pl.col("mesure").eq_missing(mesure),
    )
    somewhere = _of(layers["offre"], COUNTRY).filter(pl.col("nb_points_accueil") > 0)
    known = set(somewhere.select("typologie").collect()["typologie"])
    by_typology = {r["typologie"]: r for r in supply.iter_rows(named=True)}
    times = {r["typologie"]: r for r in access.filter(pl.col("mesure").eq_missing(mesure)).iter_rows(named=True)}
    densities = {r["typologie"]: r for r in counted.iter_rows(named=True)}
    found = []
    for typology in scheme.services:
        if typology not in known:
            # No source of the release lists it: that none is here is not known.
            found.append(Service(typology))
            continue
        # A commune has rows for the typologies it holds only: without one, it has none.
        row, time, density = by_typology.get(typology), times.get(typology), densities.get(typology)
        there = timed.filter(pl.col("typologie") == typology)
        medians = dict(there.select("indicateur", "mediane").iter_rows())
        hours_known = time["part_horaires_connus_pct"] if time else None
        told = hours_known is None or hours_known >= scheme.horaires_connus_pct_min
        found.append(
            Service(
                typology=typology,
                counters=row["nb_points_accueil"] if row else 0,
                permanences=row["nb_permanences"] if row else 0,
                stops=row["nb_itinerances"] if row else 0,
                per_100k=row[_PER_HEAD] if row else 0,
                per_100k_country=density["valeur_france"] if density else None,
                least=density["minimum"] if density else None,
                most=density["maximum"] if density else None,
                minutes=time[MINUTES] if time else None,
                within={m: time[within_column(m)] if time else None for m in scheme.seuils_min},
                beyond={m: time[f"habitants_au_dela_{m}_min"] if time else None for m in scheme.au_dela_min},
                hours=time[HOURS] if time and told else None,
                elsewhere_pct=time["hors_departement_pct"] if time else None,
                without_time_pct=time["sans_temps_pct"] if time else None,
                medians={c: medians.get(c) for c in compared},
                peers=next(iter(there.filter(pl.col("indicateur") == MINUTES)["territoires"]), 0),
            )
        )
    return tuple(found)


def _tension(layers: Layers, territory: Territory, members: pl.DataFrame, indices: pl.DataFrame, size: int) -> Tension:
    niveau = tension_level(territory.niveau)
    names = layers["zones"].select("niveau", "code", "nom").collect()
    inside = members.select("code", "nom")
    if niveau != COMMUNE:
        inside = members.select(pl.col(LEVELS[niveau].column).alias("code")).drop_nulls().unique()
        inside = inside.join(names.filter(pl.col("niveau") == niveau).select("code", "nom"), on="code", how="left")
    here = indices.filter(pl.col("niveau") == niveau).join(
        inside, left_on="territoire", right_on="code", how="inner", maintain_order="left"
    )
    tense = here.filter(pl.col("type_national") == TENSE).sort("rang_national", "territoire")
    own = indices.filter(pl.col("niveau") == territory.niveau, pl.col("territoire") == territory.code)
    return Tension(
        niveau=niveau,
        total=inside.height,
        tense=tense.height,
        fragile=here.filter(pl.col("type_national") == FRAGILE).height,
        without_index=inside.height - here.drop_nulls("type_national").height,
        population=_sum(here["population"]),
        population_tense=_sum(tense["population"]),
        first=tuple(_index(row) for row in tense.head(size).iter_rows(named=True)),
        own=_index({**own.row(0, named=True), "nom": territory.nom}) if own.height else None,
    )


def _index(row: Mapping[str, Any]) -> Index:
    """An index from a row of `tension` with the `nom` of its territory."""
    return Index(
        code=row["territoire"],
        name=row["nom"] or row["territoire"],
        population=row["population"],
        kind=row["type_national"],
        rank=row["rang_national"],
        reason=row["raison_national"],
        sturdy=row["tension_robuste"] is True,
    )


def _sum(values: pl.Series) -> float | None:
    """The sum of those known; None when none is."""
    return float(values.sum()) if values.len() > values.null_count() else None


def _baskets(layers: Layers, territory: Territory, mesure: str | None, scheme: Scheme, size: int) -> tuple[Basket, ...]:
    same = pl.col("mesure").eq_missing(mesure)
    rows = _of(layers["paniers"], territory.niveau, territory.code).filter(same).collect()
    country = _of(layers["paniers"], COUNTRY, _FRANCE).filter(same).collect()
    lacking = _of(layers["services_manquants"], territory.niveau, territory.code).filter(same).collect()
    mine = {r["panier"]: r for r in rows.iter_rows(named=True)}
    theirs = {r["panier"]: r for r in country.iter_rows(named=True)}
    found = []
    for code in scheme.paniers:
        row, other = mine.get(code), theirs.get(code)
        if row is None:
            found.append(Basket(code))
            continue
        most = lacking.filter(pl.col("panier") == code)
        most = most.sort("habitants_sans", "habitants_substitut", "typologie", descending=[True, True, False]).head(
            size
        )
        columns = most.select("typologie", "habitants_sans", "habitants_substitut")
        found.append(
            Basket(
                code=code,
                coverage_pct=row["couverture_pct"],
                coverage_country=other["couverture_pct"] if other else None,
                complete_pct=row["panier_complet_pct"],
                complete_country=other["panier_complet_pct"] if other else None,
                worst=row["maillon_faible"],
                worst_minutes=row["temps_maillon_faible_min"],
                unknown_pct=row["part_inconnue_pct"],
                without_counter=row["services_sans_guichet"],
                missing=tuple(Missing(*values) for values in columns.iter_rows()),
            )
        )
    return tuple(found)


def _sources(layers: Layers, members: pl.DataFrame) -> tuple[str, ...]:
    here = pl.col("lieu_code_insee").is_in(members["code"].implode())
    tables = [layers[name].filter(here).select("sources") for name in ("implantations", "permanences", "itinerances")]
    ids = pl.concat(tables).select(pl.col("sources").str.split("|").explode().drop_nulls().unique().sort()).collect()
    return tuple(ids["sources"])


def _places(shared: pl.DataFrame, members: pl.DataFrame, size: int) -> tuple[Place, ...]:
    """Those of most kinds of services; in the order of their commune's name among equals."""
    kinds = pl.col("typologies").list.unique().list.sort()
    rows = (
        shared.with_columns(kinds, kinds.list.len().alias("_kinds"))
        .join(members.select("code", pl.col("nom").alias("commune")), left_on="lieu_code_insee", right_on="code")
        .sort("_kinds", "commune", "lieu_id", descending=[True, False, False])
        .select("lieu_nom", "commune", "typologies")
    )
    return tuple(Place(name, commune, tuple(types)) for name, commune, types in rows.head(size).iter_rows())
