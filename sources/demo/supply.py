"""The counters of the fictional territory: where they are, what they are called, when they are open.

Only the truth of the invented world is here, feed-independent. How a feed writes it belongs to `wire_*`, what a feed
gets wrong to `quirks`, what changes from a month to the next to `months`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import shapely

from sources.demo import names
from sources.demo.geography import Commune, Floats, World, luhn

#: Telephone ranges reserved for fiction by Arcep.
PHONE_PREFIXES = ("01 99 00", "02 61 91", "03 53 01", "04 65 71", "05 36 49")
_T = TypeVar("_T")

DAYS = ("Lundi", "Mardi", "Mercredi", "Jeudi", "Vendredi", "Samedi", "Dimanche")


@dataclass(frozen=True)
class Slot:
    """Opening hours from one day to another: up to two intervals `HH:MM`, and a comment."""

    first: str
    last: str
    intervals: tuple[tuple[str, str], ...]
    comment: str = ""


@dataclass(frozen=True)
class Counter:
    """A physical counter. `x`, `y`: EPSG:2154; `commune`: index in the world; `insee`: the code its records state."""

    key: str  # `<type>-<insee>-<nn>`, as the directory's old ids
    type: str
    commune: int
    insee: str
    nom: str
    x: float
    y: float
    adresse: str
    code_postal: str
    ville: str
    telephone: str
    courriel: str = ""
    site: str = ""
    siret: str = ""
    hours: tuple[Slot, ...] = ()
    note: str = ""
    complement: str = ""
    groupe: str = ""
    rang: str = ""
    format: str = ""  # France services: fixed, antenne, bus
    numero: int = 0  # id in the feed that leads for it (France services, CAF)
    day: int = 0  # age of the record, days before the edition


@dataclass(frozen=True)
class Supply:
    """Every counter, by feed. `directory`: all the DILA directory lists; `social`: what only local lists know."""

    directory: tuple[Counter, ...]
    france_services: tuple[Counter, ...]
    caf: tuple[Counter, ...]
    social: tuple[Counter, ...]


@dataclass(frozen=True)
class Rule:
    """How one type of counter is spread.

    `per`: inhabitants per counter; `spread`: 1 follows population, less favours small communes; `least`: counters per
    département, whatever its population; `seats`: only in the préfecture ("first"), only in the sous-préfectures
    ("others"), or anywhere ("").
    """

    type: str
    label: str
    hours: str
    per: int = 0
    spread: float = 1.0
    least: int = 0
    seats: str = ""


RULES = (
    Rule("prefecture", "Préfecture {d}", "office", seats="first"),
    Rule("sous_pref", "Sous-préfecture {de}", "office", seats="others"),
    Rule("point_accueil_numerique", "Point d'accueil numérique - {c}", "short", seats="first"),
    Rule("cg", "Conseil départemental {d}", "office", seats="first"),
    Rule("dd_fip", "Direction départementale des finances publiques {d}", "office", seats="first"),
    Rule("adil", "Agence départementale d'information sur le logement (Adil) {d}", "office", seats="first"),
    Rule("anah", "Délégation locale de l'Agence nationale de l'habitat (Anah) {d}", "short", seats="first"),
    Rule("maison_handicapees", "Maison départementale des personnes handicapées {d}", "office", seats="first"),
    Rule("cdad", "Conseil départemental d'accès au droit {d}", "short", seats="first"),
    Rule("tgi", "Tribunal judiciaire {de}", "office", seats="first"),
    Rule("bav", "Bureau d'aide aux victimes {de}", "short", seats="first"),
    Rule("ti", "Tribunal de proximité {de}", "office", seats="others"),
    Rule("gendarmerie", "Brigade de gendarmerie - {c}", "gendarmerie", 22_000, 0.5, 2),
    Rule("commissariat_police", "Commissariat de police - {c}", "always", 95_000, 1.3, 1),
    Rule("police_municipale", "Police municipale - {c}", "office", 19_000, 0.8, 1),
    Rule("tresorerie", "Trésorerie {de}", "short", 86_000, 0.6, 1),
    Rule("sip", "Service des impôts des particuliers {de}", "office", 137_000, 0.9, 1),
    Rule("sie", "Service des impôts des entreprises {de}", "office", 212_000, 0.9, 1),
    Rule("centre_impots_fonciers", "Service départemental des impôts fonciers {de}", "short", 500_000, 1.0, 1),
    Rule("caf", "Caisse d'allocations familiales (Caf) {d} - accueil {de}", "short", 60_000, 0.7, 2),
    Rule("cpam", "Caisse primaire d'assurance maladie (CPAM) - accueil {de}", "office", 92_000, 0.7, 1),
    Rule("msa", "Mutualité sociale agricole (MSA) {d} - accueil {de}", "short", 384_000, 0.4, 1),
    Rule("urssaf", "Urssaf - accueil {de}", "short", 630_000),
    Rule("carsat", "Carsat - accueil {de}", "permanence", 800_000),
    Rule("france_travail", "Agence France Travail {C}", "office", 78_000, 0.8, 1),
    Rule("mission_locale", "Mission locale {de}", "office", 64_000, 0.7, 1),
    Rule("mds", "Maison départementale des solidarités {de}", "office", 40_000, 0.5, 2),
    Rule("point_justice", "Point-justice {de}", "permanence", 27_000, 0.5, 1),
    Rule("mjd", "Maison de justice et du droit {de}", "office", 450_000),
    Rule("fr_renov", "Espace conseil France Rénov' {de}", "short", 150_000, 0.6, 1),
    Rule("clic", "Centre local d'information et de coordination (Clic) {de}", "office", 87_000, 0.6, 1),
    # Codes outside our typology: they are read, counted, and not published.
    Rule("cij", "Bureau information jeunesse {de}", "short", 65_000, 0.7, 1),
    Rule("pmi", "Protection maternelle et infantile - {c}", "permanence", 57_000, 0.6, 1),
    Rule("cio", "Centre d'information et d'orientation {de}", "office", 158_000, 0.8, 1),
    Rule("greta", "Greta {de}", "office", 600_000, 1.0, 1),
    Rule("afpa", "Centre Afpa {de}", "office", 370_000),
    Rule("bdf", "Banque de France {de}", "permanence", 370_000, 1.0, 1),
    Rule("pcb", "Point conseil budget {de}", "permanence", 150_000, 0.7, 1),
    Rule("prudhommes", "Conseil de prud'hommes {de}", "office", 320_000, 1.0, 1),
    Rule("chambre_metier", "Chambre de métiers et de l'artisanat {d}", "office", seats="first"),
    Rule("maison_emploi", "Maison de l'emploi {de}", "office", 1_000_000),
)  # fmt: skip
#: Every code the directory may hold.
TYPES = (*(r.type for r in RULES), "mairie", "ccas", "epci", "france_services")
_CCAS_FROM = 1_500  # inhabitants: above, a commune must have a CCAS
_FS_PER = 20_000  # inhabitants per France services


def build_supply(world: World, seed: int) -> Supply:
    """The counters of the first edition."""
    directory: list[Counter] = []
    france_services: list[Counter] = []
    caf: list[Counter] = []
    social: list[Counter] = []
    for number in range(len(world.departements)):
        maker = Maker(world, np.random.default_rng([seed, 3, number]))
        communes = [world.communes[i] for i in world.departements[number].communes]
        mairies = {c.index: maker.mairie(c) for c in communes if c.population}
        own = [*mairies.values(), *maker.delegated(communes), *maker.epci(communes)]
        own += [maker.ccas(c, mairies[c.index]) for c in communes if c.population >= _CCAS_FROM]
        for rule in RULES:
            own += [maker.counter(rule, c) for c in _places(rule, world, number)]
        services = maker.france_services(communes, len(france_services))
        own = maker.share_premises(own)
        france_services += services
        # The directory copies four France services in five.
        own += [s for i, s in enumerate(services) if i % 5 != 4]
        caf += maker.caf_sites(own, communes)
        social += maker.social(communes)
        directory += own
    return Supply(tuple(directory), tuple(france_services), tuple(caf), tuple(social))


def _places(rule: Rule, world: World, number: int) -> list[Commune]:
    departement = world.departements[number]
    if rule.seats:
        heads = [world.communes[i] for i in departement.chefs_lieux]
        return heads[:1] if rule.seats == "first" else heads[1:]
    communes = [world.communes[i] for i in departement.communes if i != world.island]
    people = np.array([c.population for c in communes], dtype=np.float64)
    count = max(rule.least, int(people.sum() / rule.per))
    return [communes[i] for i in dhondt(people**rule.spread * (people > 0), count)]


def dhondt(weights: Floats, seats: int) -> list[int]:
    """Indices of the winners of `seats`, highest averages first; one index may win several."""
    won = np.zeros(len(weights))
    order = []
    for _ in range(seats):
        best = int(np.argmax(weights / (won + 1)))
        won[best] += 1
        order.append(best)
    return order


# --- hours -------------------------------------------------------------------------------------------------------

_MORNINGS = (("08:30", "12:00"), ("09:00", "12:00"), ("09:00", "12:30"), ("08:45", "12:15"))
_AFTERNOONS = (("13:30", "17:00"), ("13:30", "17:30"), ("14:00", "17:00"), ("14:00", "18:00"))
_COMMENTS = (
    "Accueil ouvert uniquement sur rendez-vous.",
    "également sur rendez-vous",
    "les semaines paires",
    "le 1er samedi du mois",
    "Accueil fermé en juillet-août",
)


def _pick(rng: np.random.Generator, items: tuple[_T, ...]) -> _T:
    return items[int(rng.integers(len(items)))]


def _office(rng: np.random.Generator) -> tuple[Slot, ...]:
    morning, afternoon = _pick(rng, _MORNINGS), _pick(rng, _AFTERNOONS)
    match int(rng.integers(4)):
        case 0:
            return (Slot("Lundi", "Vendredi", (morning, afternoon)),)
        case 1:
            early = (afternoon[0], "16:00")
            return (Slot("Lundi", "Jeudi", (morning, afternoon)), Slot("Vendredi", "Vendredi", (morning, early)))
        case 2:
            return (
                Slot("Lundi", "Mardi", (morning, afternoon)),
                Slot("Mercredi", "Mercredi", (morning,)),
                Slot("Jeudi", "Vendredi", (morning, afternoon)),
            )
        case _:
            return (Slot("Lundi", "Vendredi", (morning, afternoon)), Slot("Samedi", "Samedi", (("09:00", "12:00"),)))


def _short(rng: np.random.Generator) -> tuple[Slot, ...]:
    days = sorted(int(d) for d in rng.choice(5, size=int(rng.integers(2, 5)), replace=False))
    morning, afternoon = _pick(rng, _MORNINGS), _pick(rng, _AFTERNOONS)
    full = rng.random() < 0.5
    comment = _COMMENTS[int(rng.integers(len(_COMMENTS)))] if rng.random() < 0.15 else ""
    return tuple(Slot(DAYS[d], DAYS[d], (morning, afternoon) if full else (morning,), comment) for d in days)


def _permanence(rng: np.random.Generator) -> tuple[Slot, ...]:
    day = DAYS[int(rng.integers(5))]
    half = _pick(rng, (*_MORNINGS, *_AFTERNOONS))
    return (Slot(day, day, (half,), _pick(rng, (*_COMMENTS, "", ""))),)


def _gendarmerie(rng: np.random.Generator) -> tuple[Slot, ...]:
    if rng.random() < 0.4:
        days = ("Mercredi", "Samedi") if rng.random() < 0.5 else ("Mardi", "Vendredi")
        return tuple(Slot(d, d, (("08:00", "12:00"), ("14:00", "18:00"))) for d in days)
    return (
        Slot("Lundi", "Samedi", (("08:00", "12:00"), ("14:00", "18:00"))),
        Slot("Dimanche", "Dimanche", (("09:00", "12:00"), ("15:00", "18:00"))),
    )


def _always(_rng: np.random.Generator) -> tuple[Slot, ...]:
    return (Slot("Lundi", "Dimanche", (("00:00", "23:59"),)),)


_HOURS: dict[str, Callable[[np.random.Generator], tuple[Slot, ...]]] = {
    "office": _office,
    "short": _short,
    "permanence": _permanence,
    "gendarmerie": _gendarmerie,
    "always": _always,
}


def hours_of(profile: str, rng: np.random.Generator) -> tuple[Slot, ...]:
    """Hours drawn from a profile of `Rule.hours`."""
    return _HOURS[profile](rng)


# --- counters ----------------------------------------------------------------------------------------------------


@dataclass
class Maker:
    """Makes counters of one département from its own random stream, numbering those of a same type and commune."""

    world: World
    rng: np.random.Generator
    _numbers: dict[str, int] = field(default_factory=dict)

    def key(self, code: str, insee: str) -> str:
        """The next free `<type>-<insee>-<nn>`."""
        stem = f"{code}-{insee}"
        self._numbers[stem] = self._numbers.get(stem, 0) + 1
        return f"{stem}-{self._numbers[stem]:02d}"

    def phone(self) -> str:
        """A number of the ranges reserved for fiction."""
        return f"{_pick(self.rng, PHONE_PREFIXES)} {self.rng.integers(100):02d} {self.rng.integers(100):02d}"

    def spot(self, commune: Commune, spread: float | None = None) -> tuple[float, float]:
        """A point of the commune near its town; `spread` in metres, by default larger in larger towns."""
        width = spread if spread is not None else 40 + 9 * commune.population**0.5
        for _ in range(8):
            dx, dy = self.rng.normal(0, width, 2)
            x, y = round(commune.x + dx, 1), round(commune.y + dy, 1)
            if shapely.contains_xy(commune.geometry, x, y):
                return x, y
            width /= 2
        return commune.x, commune.y

    def _make(self, code: str, commune: Commune, nom: str, insee: str = "", **more: Any) -> Counter:
        x, y = self.spot(commune)
        base = Counter(
            self.key(code, insee or commune.code),
            code,
            commune.index,
            insee or commune.code,
            nom,
            x,
            y,
            names.street(self.rng),
            commune.code_postal,
            commune.nom,
            self.phone(),
            day=int(self.rng.gamma(1.5, 200)),
        )
        return replace(base, **more)

    def mairie(self, commune: Commune) -> Counter:
        """The town hall, beside the town's centre; small communes open it a few half-days a week."""
        domain = names.slug(commune.nom)
        x, y = self.spot(commune, 40)
        if commune.population > 3_500:
            hours = _office(self.rng)
        elif commune.population > 200:
            hours = _short(self.rng)
        else:
            hours = _permanence(self.rng)
        note = ""
        if self.rng.random() < 0.1:
            note = "Permanence du maire 1er et 3e lundis du mois de 15h à 16h"
        return self._make(
            "mairie",
            commune,
            f"Mairie - {commune.nom}",
            x=x,
            y=y,
            hours=hours,
            note=note,
            courriel=f"mairie@{domain}.example.fr",
            site=f"https://www.{domain}.example.fr/",
            siret=luhn(f"{commune.siren}0001"),
        )

    def delegated(self, communes: list[Commune]) -> list[Counter]:
        """Mairies of former communes; half of their records still state the former commune's code."""
        result = []
        for commune in communes:
            for rank, old in enumerate(commune.deleguees[1:]):
                insee = old.code if rank % 2 == 0 else commune.code
                result.append(
                    self._make(
                        "mairie",
                        commune,
                        f"Mairie déléguée - {old.nom}",
                        insee,
                        x=old.x,
                        y=old.y,
                        ville=old.nom if rank % 2 == 0 else commune.nom,
                        hours=_permanence(self.rng),
                        siret=luhn(f"{commune.siren}0001"),  # the town hall's own, as real annexes state it
                    )
                )
        return result

    def epci(self, communes: list[Commune]) -> list[Counter]:
        """The seat of each intercommunalité, in its largest commune."""
        mine = {c.index for c in communes}
        result = []
        for epci in self.world.epci:
            if epci.membres[0] in mine:
                seat = max((self.world.communes[i] for i in epci.membres), key=lambda c: c.population)
                siret = luhn(f"{epci.code}0001")
                result.append(self._make("epci", seat, epci.nom, hours=_office(self.rng), siret=siret))
        return result

    def ccas(self, commune: Commune, mairie: Counter) -> Counter:
        """The social action centre: in small communes, the same counter as the town hall."""
        siret = luhn(f"{luhn(f'26{commune.code[:2]}9{commune.code[2:]}')}0001")
        nom = f"Centre communal d'action sociale (CCAS) - {commune.nom}"
        if commune.population < 4_000:
            return replace(
                mairie,
                key=self.key("ccas", commune.code),
                type="ccas",
                nom=nom,
                siret=siret,
                site=f"{mairie.site}ccas",
                hours=(),
                note="",
            )
        email = f"ccas@{names.slug(commune.nom)}.example.fr"
        return self._make("ccas", commune, nom, siret=siret, courriel=email)

    def counter(self, rule: Rule, commune: Commune) -> Counter:
        """A counter of that type in that commune."""
        departement = next(d for d in self.world.departements if d.code == commune.departement)
        plain = departement.nom.split(" (")[0]
        nom = rule.label.format(c=commune.nom, C=commune.nom.upper(), de=names.de(commune.nom), d=names.de(plain))
        siret = luhn(luhn(f"99{int(self.rng.integers(10**6)):06d}") + f"{int(self.rng.integers(1, 9999)):04d}")
        slug = rule.type.replace("_", "-")
        return self._make(
            rule.type,
            commune,
            nom,
            hours=hours_of(rule.hours, self.rng),
            siret=siret if self.rng.random() < 0.6 else "",
            courriel=f"{slug}.{commune.code}@example.fr" if self.rng.random() < 0.7 else "",
            site=f"https://{slug}.example.org/{names.slug(commune.nom)}" if self.rng.random() < 0.6 else "",
            note="Fermé les jours fériés" if self.rng.random() < 0.05 else "",
        )

    def share_premises(self, counters: list[Counter]) -> list[Counter]:
        """A cité administrative: the digital point is in the préfecture, tax services share one address."""
        hosts = {"point_accueil_numerique": "prefecture", "sie": "sip", "centre_impots_fonciers": "sip", "bav": "tgi"}
        by_type: dict[tuple[str, int], Counter] = {}
        for counter in counters:
            by_type.setdefault((counter.type, counter.commune), counter)
        result = []
        for counter in counters:
            host = by_type.get((hosts.get(counter.type, ""), counter.commune))
            if host is not None:
                counter = replace(counter, x=host.x, y=host.y, adresse=host.adresse, code_postal=host.code_postal)
            result.append(counter)
        return result

    def france_services(self, communes: list[Commune], already: int) -> list[Counter]:
        """France services: fixed sites, antennes of a main site, and buses garaged at a fixed site.

        A bus bears the point of its depot, as in the real list. The last one or two are in small communes, so that
        the countryside is served too.
        """
        land = [c for c in communes if c.index != self.world.island]
        people = np.array([c.population for c in land], dtype=np.float64)
        count = max(3, round(people.sum() / _FS_PER))
        sites = [self.new_france_services(land[i]) for i in dhondt(people**0.35 * (people > 0), count)]
        antennes: list[Counter] = []
        for position in range(max(1, count // 6)):
            main = sites[position]
            group = f"France services du Pays {names.de(main.ville)}"
            sites[position] = replace(main, groupe=group, complement="Maison des services")
            near = sorted(land, key=lambda c: (np.hypot(c.x - main.x, c.y - main.y), c.code))
            taken = {s.commune for s in (*sites, *antennes)}
            where = next((c for c in near if c.population and c.index not in taken), near[0])
            antenne = self._fs(where, f"France services - antenne {names.de(where.nom)}", "Antenne", "Fixe_antenne(s)")
            # An antenne repeats its main site's phone and mail.
            antennes.append(replace(antenne, groupe=group, telephone=main.telephone, courriel=main.courriel))
        buses: list[Counter] = []
        for depot in sites[-max(1, count // 20) :]:
            garage = self.world.communes[depot.commune]
            bus = self._fs(garage, f"Bus France services {names.de(depot.ville)}", "Principal", "Bus_équivalent")
            stops = self.rng.choice(len(land), size=min(4, len(land)), replace=False)
            circuit = "\n".join(f"{DAYS[i]} : {land[int(s)].nom} de 9h à 12h" for i, s in enumerate(stops))
            buses.append(replace(bus, x=depot.x, y=depot.y, adresse=depot.adresse, note=circuit))
        return [replace(s, numero=already + i) for i, s in enumerate([*sites, *antennes, *buses], start=1)]

    def new_france_services(self, commune: Commune) -> Counter:
        """A fixed main site, without its number in the list."""
        return self._fs(commune, f"France services {names.de(commune.nom)}", "Principal", "Fixe")

    def _fs(self, commune: Commune, nom: str, rang: str, kind: str) -> Counter:
        mail = f"{names.slug(commune.nom)}@france-services.example.fr"
        hours = _office(self.rng) if self.rng.random() < 0.7 else _short(self.rng)
        return self._make("france_services", commune, nom, hours=hours, courriel=mail, rang=rang, format=kind)

    def caf_sites(self, directory: list[Counter], communes: list[Commune]) -> list[Counter]:
        """The sites the Cnaf lists: those of the directory, and permanences the directory does not know."""
        rank: dict[str, int] = {}
        sites = []
        offices = [c for c in directory if c.type == "caf"]
        known = {c.commune for c in offices}
        others = sorted((c for c in communes if c.index not in known and c.population), key=lambda c: -c.population)
        kinds = ["siège", *["agence"] * len(offices)]
        more = [self._make("caf", c, f"Permanence {names.de(c.nom)}") for c in others[: 1 + len(offices)]]
        for kind, site in zip([*kinds[: len(offices)], *["permanence"] * len(more)], [*offices, *more], strict=True):
            rank[site.insee] = rank.get(site.insee, 0) + 1
            sites.append(replace(site, rang=kind, numero=rank[site.insee]))
        return sites

    def social(self, communes: list[Commune]) -> list[Counter]:
        """What only a local list knows: social reception points of the département, and social centres."""
        towns = sorted((c for c in communes if c.population), key=lambda c: -c.population)
        count = max(12, len(communes) // 12)
        points = [("mds", f"Point d'accueil social {names.de(c.nom)}", c) for c in towns[2 : 2 + count]]
        points += [("centre_social", f"Centre social {names.de(c.nom)}", c) for c in towns[:count]]
        return [self._make(code, c, nom, hours=_short(self.rng)) for code, nom, c in points]
