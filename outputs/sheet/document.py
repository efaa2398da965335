"""A sheet in French: tiles, tables of text cells, notes. What the page, the paper and the terminal all say.

Figures come from `content`; how they are laid out is the renderers'.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from outputs.sheet.content import (
    CROW,
    FRAGILE,
    HOURS,
    MINUTES,
    ROAD,
    TENSE,
    Basket,
    Content,
    Index,
    KeyFigure,
    Place,
    Service,
    within_column,
)
from outputs.sheet.scheme import Scheme
from outputs.sheet.territory import COMMUNE, LEVELS
from outputs.sheet.words import (
    NBSP,
    THIN,
    UNKNOWN,
    UNKNOWN_SHORT,
    count,
    figure,
    listed,
    rate,
    share,
    typeset,
)
from quality.results import shorten

FICTIONAL = "Données fictives"
FICTIONAL_NOTE = "Jeu de démonstration : ni les lieux, ni les services, ni les chiffres n’existent."
_ABOUT_TIMES = {
    ROAD: "Temps par la route : en voiture, de porte à porte, un jour ordinaire.",
    CROW: "Temps estimés à vol d’oiseau, faute de routes (ligne droite, détour et vitesse moyens) : un ordre "
    "de grandeur.",
    None: "Temps d’accès : non connus, cette version ne les mesure pas ici.",
}
_STURDY = "●"
_LONGEST = 120  # characters kept of what feeds say
_MISSING_SHARE = 1.0  # % of people of whom nothing is known, from which a note says so


@dataclass(frozen=True)
class Link:
    """Words, and the address they lead to when there is one."""

    words: str
    url: str | None = None


@dataclass(frozen=True)
class Edition:
    """The release a sheet is of.

    Attributes:
        day: date of reference of its data.
        licence: its title.
        credits: one line per source used.
        method: where the method is explained, and its address when it has one.
        fictional: the data is invented, and the sheet says so.
    """

    version: str
    day: date
    licence: str
    credits: Sequence[str]
    method: Link
    fictional: bool


@dataclass(frozen=True)
class Tile:
    """One of the essentials: a figure read from afar, what it is, and what to compare it with."""

    value: str
    words: str
    beside: str


@dataclass(frozen=True)
class Column:
    """A column of text.

    `width` is relative; `group` is written above neighbours that share it; a `detail` is left out where room is short.
    """

    title: str
    width: float
    group: str = ""
    number: bool = True
    strong: bool = False
    detail: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of text cells; `notes` are written under, and `lead` above. Without rows, both are all there is."""

    title: str
    columns: tuple[Column, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    lead: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Document:
    """A sheet, ready to be laid out. `pages` is how many it may take."""

    title: str
    subtitle: str
    edition: str
    measure: str
    fictional: bool
    tiles: tuple[Tile, ...]
    figures: Table
    picture: Table
    services: Table
    tension: Table
    baskets: Table
    places: Table
    border: Table
    sources: str
    method: Link
    definitions: str
    pages: int


def document(content: Content, edition: Edition, scheme: Scheme) -> Document:
    """The sheet of a territory in words."""
    territory = content.territory
    level = territory.level.one
    about = [f"{level.capitalize()} {territory.code}", *content.parents]
    if territory.niveau != COMMUNE:
        about.append(count(territory.communes, "commune"))
    partial = ""
    if content.held < territory.communes:
        partial = (
            f"La version ne contient que {figure(content.held)} de ses {count(territory.communes, 'commune')}{NBSP}: "
            "la carte, les zones en tension et les lieux ne portent que sur elles."
        )
    return Document(
        title=typeset(territory.nom),
        subtitle=" · ".join(typeset(part) for part in about),
        edition=f"Fiche de territoire · version {edition.version} · données au {edition.day:%d/%m/%Y}",
        measure=_ABOUT_TIMES[content.mesure],
        fictional=edition.fictional,
        tiles=_tiles(content, scheme),
        figures=_figures(content, scheme),
        picture=_picture(content, scheme, partial),
        services=_services(content, scheme),
        tension=_tension(content),
        baskets=_baskets(content, scheme),
        places=_places(content, scheme),
        border=_border(content, scheme),
        sources=f"Sources{NBSP}: {f'{NBSP}; '.join(typeset(line) for line in edition.credits)}. {edition.licence}.",
        method=edition.method,
        definitions=_definitions(scheme),
        pages=scheme.listes[territory.niveau].pages,
    )


def _definitions(scheme: Scheme) -> str:
    return typeset(
        f"« En tension » : l’offre de {scheme.reference.typologie} est faible et le besoin fort, par comparaison avec "
        f"toute la France. « Non connu » ({UNKNOWN_SHORT}) n’est jamais zéro."
    )


def _peers(content: Content) -> str:
    """What the territory is compared with: `départements`, `communes « Rural »`."""
    name = LEVELS[content.peers.niveau].many
    return f"{name} «{NBSP}{content.peers.classe}{NBSP}»" if content.peers.classe else name


def _tiles(content: Content, scheme: Scheme) -> tuple[Tile, ...]:
    reference = content.service(scheme.reference.typologie)
    near, named = scheme.near, typeset(scheme.reference.avec_article)
    median = f"médiane des {_peers(content)}{NBSP}: "
    far = reference.beyond.get(near)
    reached = Tile(
        share(reference.within.get(near)),
        f"des habitants à {near}{NBSP}min ou moins d’{named}",
        (f"{count(far, 'habitant')} plus loin · " if far else "")
        + f"{median}{share(reference.medians.get(within_column(near)))}",
    )
    opened = Tile(
        figure(reference.hours, 0, "h"),
        f"par semaine où {named} est ouvert à {near}{NBSP}min ou moins",
        f"{median}{figure(reference.medians.get(HOURS), 0, 'h')}",
    )
    basket = next(b for b in content.baskets if b.code == scheme.panier)
    whole = Tile(
        share(basket.complete_pct),
        f"des habitants ont à portée tout le panier «{NBSP}{scheme.paniers[scheme.panier]}{NBSP}»",
        f"France{NBSP}: {share(basket.complete_country)}"
        + (" · services recensés seulement" if basket.without_counter else ""),
    )
    return reached, opened, _tension_tile(content), whole


def _tension_tile(content: Content) -> Tile:
    tension = content.tension
    if content.territory.niveau == COMMUNE:
        own = tension.own
        if own is None or own.kind is None:
            return Tile(UNKNOWN, "zone de tension", "pas d’indice pour cette commune")
        return Tile(_verdict(own).rstrip("."), typeset(own.kind).lower(), f"rang national{NBSP}: {figure(own.rank)}")
    names = LEVELS[tension.niveau]
    known = tension.total - tension.without_index
    if not known:
        return Tile(UNKNOWN, f"{names.many} en tension", "aucun indice de tension dans cette version")
    people = ""
    if tension.population and tension.population_tense is not None:
        part = 100 * tension.population_tense / tension.population
        people = f"{count(tension.population_tense, 'habitant')} ({share(part)}) · "
    return Tile(
        figure(tension.tense),
        f"{names.one if tension.tense < 2 else names.many} en tension sur {figure(known)}",
        f"{people}{figure(tension.fragile)} proche{'' if tension.fragile < 2 else 's'} du seuil",
    )


def _verdict(index: Index) -> str:
    """Whether it is in tension, in a few words; nothing without an index."""
    return {TENSE: "En tension.", FRAGILE: "Fragile.", None: ""}.get(index.kind, "Pas en tension.")


def _figures(content: Content, scheme: Scheme) -> Table:
    partial = not content.peers.whole and content.peers.niveau not in ("departement", "region")
    notes = [f"Médiane des {_peers(content)}{' de cette version' if partial else ''}."]
    if any(_incomplete(f, scheme) for f in content.figures):
        notes.append(f"* données incomplètes{NBSP}: plus de {share(100 * scheme.part_inconnue_max)} manquent.")
    return Table(
        "Chiffres clés",
        (
            Column("", 44, number=False),
            Column("ici", 19, strong=True),
            Column("médiane", 17),
            Column("France", 17),
            Column("année", 10, detail=True),
        ),
        tuple(_figure_row(f, scheme) for f in content.figures),
        notes=(" ".join(notes),),
    )


def _figure_row(found: KeyFigure, scheme: Scheme) -> tuple[str, ...]:
    value = figure(found.value, found.decimals, found.unit)
    if _incomplete(found, scheme):
        value += "*"
    beside = [
        figure(v, found.decimals, found.unit, unknown=UNKNOWN_SHORT) if found.compared else ""
        for v in (found.peers, found.country)
    ]
    return typeset(found.title), value, *beside, found.vintage or (UNKNOWN_SHORT if found.value is not None else "")


def _incomplete(found: KeyFigure, scheme: Scheme) -> bool:
    return found.value is not None and found.unknown > scheme.part_inconnue_max


def _picture(content: Content, scheme: Scheme, partial: str) -> Table:
    title = f"Temps moyen jusqu’au {typeset(scheme.reference.typologie)} le plus proche"
    if content.mesure == CROW:
        title += " (à vol d’oiseau)"
    return Table(title, notes=(partial,) if partial else ())


def _services(content: Content, scheme: Scheme) -> Table:
    shown = [s for s in content.services if s.counters is not None]
    absent = [typeset(scheme.short(s.typology)) for s in content.services if s.counters is None]
    peers = max((s.peers for s in shown), default=0)
    counters, minutes = "Points d’accueil recensés", "Temps moyen (min)"
    within, beyond, hours = "% des habitants à", "Habitants à plus de", f"Heures à {scheme.near}{NBSP}min"
    columns = (
        Column("", 27, number=False),
        Column("total", 8, counters, strong=True),
        Column("dont perm. / itin.", 10, counters, detail=True),
        Column(f"pour 100{THIN}000", 10.5, counters, detail=True),
        Column("France", 9, counters, detail=True),
        Column("mini – maxi dép.", 15, counters, detail=True),
        Column("ici", 8, minutes, strong=True),
        Column("médiane", 10, minutes),
        *(_threshold(m, 8.5, within, scheme) for m in scheme.seuils_min),
        *(_threshold(m, 11.5, beyond, scheme) for m in scheme.au_dela_min),
        Column("ici", 8, hours, strong=True),
        Column("médiane", 10, hours, detail=True),
    )
    notes = [f"Médiane de {figure(peers)} {_peers(content)} aux temps obtenus de la même façon."] if peers else []
    notes.append(_ABBREVIATIONS)
    late = [
        f"{typeset(scheme.short(s.typology))} {share(s.without_time_pct)}"
        for s in shown
        if (s.without_time_pct or 0) >= _MISSING_SHARE
    ]
    if late:
        notes.append(f"Habitants sans temps connu, comptés au-delà{NBSP}: {', '.join(late)}.")
    if absent:
        notes.append(f"Aucun point d’accueil dans les sources de cette version{NBSP}: {listed(absent)}.")
    rows = tuple(_service_row(s, scheme) for s in shown)
    return Table("Accès aux principaux services", columns, rows, notes=tuple(notes))


def _threshold(minutes: int, width: float, group: str, scheme: Scheme) -> Column:
    near = minutes == scheme.near
    return Column(f"{minutes}{NBSP}min", width, group, strong=near, detail=not near)


_ABBREVIATIONS = (
    f"Perm.{NBSP}: permanences{NBSP}; itin.{NBSP}: arrêts d’itinérances{NBSP}; pour 100{THIN}000 habitants{NBSP}; "
    f"heures par semaine où l’un est ouvert à portée{NBSP}; {UNKNOWN_SHORT}{NBSP}: non connu."
)


def _service_row(s: Service, scheme: Scheme) -> tuple[str, ...]:
    ends = [rate(value) for value in (s.least, s.most) if value is not None]
    short = UNKNOWN_SHORT
    return (
        typeset(scheme.short(s.typology)),
        figure(s.counters),
        f"{figure(s.permanences)} / {figure(s.stops)}",
        rate(s.per_100k, unknown=short),
        rate(s.per_100k_country, unknown=short),
        f"{NBSP}–{NBSP}".join(ends) or short,
        figure(s.minutes, 1, unknown=short),
        figure(s.medians.get(MINUTES), 1, unknown=short),
        *(share(s.within.get(m), unknown=short, sign="") for m in scheme.seuils_min),
        *(figure(s.beyond.get(m), unknown=short) for m in scheme.au_dela_min),
        figure(s.hours, 0, unknown=short),
        figure(s.medians.get(HOURS), 0, unknown=short),
    )


def _tension(content: Content) -> Table:
    tension, territory = content.tension, content.territory
    names = LEVELS[tension.niveau]
    own = tension.own
    lead = "" if own is None else f"{_verdict(own)} {typeset(own.reason or '')}".strip()
    if territory.niveau == COMMUNE:
        return Table("Zone de tension", lead=lead or "Aucun indice de tension n’est connu pour cette commune.")
    if lead:
        lead = f"L’ensemble du territoire{NBSP}: {lead[0].lower()}{lead[1:]}"
    title = f"{names.many.capitalize()} en tension"
    if tension.total == tension.without_index:
        return Table(title, lead=lead, notes=("Aucun indice de tension n’est connu pour ce territoire.",))
    notes = []
    if not tension.tense:
        notes.append(f"Aucune {names.one} n’est en tension.")
    elif tension.tense > len(tension.first):
        notes.append(f"Les {figure(len(tension.first))} premières sur {figure(tension.tense)}.")
    if any(i.sturdy for i in tension.first):
        notes.append(
            f"{_STURDY} parmi les 10{NBSP}% les plus en tension même quand on change les poids et les vitesses."
        )
    if tension.without_index:
        notes.append(f"Sans indice, faute de données{NBSP}: {count(tension.without_index, names.one, names.many)}.")
    columns = (
        Column(names.one.capitalize(), 42, number=False, strong=True),
        Column("Habitants", 14),
        Column("Rang national", 14),
        Column("Pourquoi", 110, number=False),
    )
    return Table(title, columns, tuple(_index_row(i) for i in tension.first), lead=lead, notes=tuple(notes))


def _index_row(index: Index) -> tuple[str, ...]:
    mark = f"{NBSP}{_STURDY}" if index.sturdy else ""
    return (
        f"{typeset(index.name)}{mark}",
        figure(index.population),
        figure(index.rank),
        typeset(index.reason or ""),
    )


def _baskets(content: Content, scheme: Scheme) -> Table:
    part, whole = "Part du panier à portée", "Habitants ayant tout"
    columns = (
        Column("Panier", 34, number=False, strong=True),
        Column("ici", 11, part, strong=True),
        Column("France", 11, part, detail=True),
        Column("ici", 11, whole, strong=True),
        Column("France", 11, whole, detail=True),
        Column("Service le plus éloigné (temps moyen)", 40, number=False, detail=True),
        Column("Manquent le plus (habitants concernés)", 62, number=False),
    )
    without = [
        f"{scheme.paniers[b.code]}{NBSP}: {listed(_short_names(b.without_counter, scheme))}"
        for b in content.baskets
        if b.without_counter
    ]
    notes = ["(+) habitants qui n’ont qu’un substitut, comme un France services."]
    if without:
        notes.append(f"Laissés hors du panier, faute de point d’accueil dans les sources{NBSP}: {'. '.join(without)}.")
    unknown = [
        f"{scheme.paniers[b.code]} {share(b.unknown_pct)}"
        for b in content.baskets
        if (b.unknown_pct or 0) >= _MISSING_SHARE
    ]
    if unknown:
        notes.append(f"Habitants dont le panier n’est pas connu{NBSP}: {', '.join(unknown)}.")
    rows = tuple(_basket_row(b, scheme) for b in content.baskets)
    return Table("Paniers de services", columns, rows, notes=tuple(notes))


def _short_names(typologies: str, scheme: Scheme) -> list[str]:
    """Short names of typologies listed in one text, whose own names hold no comma."""
    return [typeset(scheme.short(name)) for name in typologies.split(", ")]


def _basket_row(basket: Basket, scheme: Scheme) -> tuple[str, ...]:
    short = UNKNOWN_SHORT
    worst = short
    if basket.worst:
        minutes = figure(basket.worst_minutes, 0, "min")
        worst = f"{typeset(scheme.short(basket.worst))} ({minutes})"
    lacking = [
        " ".join(
            [typeset(scheme.short(m.typology))]
            + ([figure(m.without)] if m.without else [])
            + ([f"(+{figure(m.substitute)})"] if m.substitute else [])
        )
        for m in basket.missing
    ]
    nothing = "aucun" if basket.coverage_pct is not None else short
    return (
        scheme.paniers[basket.code],
        share(basket.coverage_pct, unknown=short),
        share(basket.coverage_country, unknown=short),
        share(basket.complete_pct, unknown=short),
        share(basket.complete_country, unknown=short),
        worst,
        f"{NBSP}; ".join(lacking) or nothing,
    )


def _places(content: Content, scheme: Scheme) -> Table:
    number, total = content.shared_places, content.all_places
    verb = "réunissent" if number > 1 else "réunit"
    lead = f"{count(number, 'lieu', 'lieux')} sur {figure(total)} {verb} plusieurs services." if total else ""
    if not total:
        lead = "Aucun lieu recensé."
    columns = (
        Column("Lieu", 58, number=False, strong=True),
        Column("Commune", 42, number=False),
        Column("Services", 56, number=False),
    )
    return Table("Lieux mutualisés", columns, tuple(_place_row(p, scheme) for p in content.places), lead=lead)


def _place_row(place: Place, scheme: Scheme) -> tuple[str, ...]:
    services = ", ".join(typeset(scheme.short(t)) for t in place.typologies)
    return shorten(typeset(place.name or UNKNOWN), _LONGEST), typeset(place.commune), shorten(services, _LONGEST)


def _border(content: Content, scheme: Scheme) -> Table:
    title = "Au-delà de la limite départementale"
    known = [s for s in content.services if s.elsewhere_pct is not None]
    if not known:
        return Table(title, lead="Non connu.")
    crossing = sorted((s for s in known if (s.elsewhere_pct or 0) >= 1), key=lambda s: -(s.elsewhere_pct or 0))
    if not crossing:
        return Table(
            title, lead="Pour presque tous les habitants, l’implantation la plus proche est dans le département."
        )
    told = [f"{typeset(scheme.short(s.typology))} {share(s.elsewhere_pct)}" for s in crossing]
    what = f"Part des habitants dont l’implantation la plus proche est dans un autre département{NBSP}:"
    return Table(title, lead=f"{what} {', '.join(told)}.")
