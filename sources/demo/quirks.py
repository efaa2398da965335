"""What goes wrong in real feeds, put on purpose into the fictional ones, each time on a record that is documented.

One entry per fault: the feed, which counters it may strike, and what it does to the record already written out. The
catalogue is the same for every size of the territory; larger ones have it several times over.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.foundations import crs
from sources.demo import names
from sources.demo.geography import World
from sources.demo.supply import Counter, Supply

Record = dict[str, Any]
NBSP, THIN = "\u00a0", "\u202f"


@dataclass(frozen=True)
class Context:
    """What a fault may need to know."""

    world: World
    counter: Counter
    rng: np.random.Generator


@dataclass(frozen=True)
class Quirk:
    """A fault: `among` says which counters it may strike, `strike` changes the record in place."""

    id: str
    feed: str
    what: str
    among: Callable[[World, Counter], bool]
    strike: Callable[[Record, Context], None]


@dataclass
class Plan:
    """Which faults strike which record: `feed` -> key of the counter -> faults; `keys`: fault -> keys struck."""

    strikes: dict[str, dict[str, list[tuple[Quirk, Context]]]] = field(default_factory=dict)
    keys: dict[str, list[str]] = field(default_factory=dict)

    @property
    def protected(self) -> frozenset[str]:
        """Keys of the counters that must stay as documented."""
        return frozenset(key for keys in self.keys.values() for key in keys)

    def apply(self, feed: str, key: str, record: Record) -> Record:
        """Apply to the record the faults planned for it."""
        for quirk, context in self.strikes.get(feed, {}).get(key, ()):
            quirk.strike(record, context)
        return record


def plan(world: World, supply: Supply, lists: Mapping[str, Iterable[Counter]], seed: int) -> Plan:
    """Choose the records struck by each fault, no record by two of them while there are enough.

    Args:
        lists: the counters of each departmental list, by source id.
    """
    rng = np.random.default_rng([seed, 5])
    result = Plan()
    feeds = {"dila": supply.directory, "france_services": supply.france_services, "caf": supply.caf, **lists}
    used: set[str] = set()
    often = max(1, len(world.departements) // 8)
    for quirk in QUIRKS:
        counters = [c for c in feeds.get(quirk.feed, ()) if quirk.among(world, c)]
        fresh = [c for c in counters if c.key not in used] or counters
        times = 1 if quirk.feed in lists else often  # a list is about one département, whatever the world's size
        for position in rng.permutation(len(fresh))[:times]:
            counter = fresh[int(position)]
            used.add(counter.key)
            context = Context(world, counter, np.random.default_rng([seed, 6, len(used)]))
            result.strikes.setdefault(quirk.feed, {}).setdefault(counter.key, []).append((quirk, context))
            result.keys.setdefault(quirk.id, []).append(counter.key)
    return result


_FRONT_OFFICE = {"mairie", "ccas", "france_services"}

STRUCTURAL = {
    "mairie-deleguee": ("dila", "mairie of a former commune, beside that of the commune nouvelle"),
    "code-commune-deleguee": ("dila", "code of a former commune"),
    "cite-administrative": ("dila", "several services at the same point"),
    "ccas-en-mairie": ("dila", "CCAS at the counter of the mairie: same point, phone and mail"),
    "bus-au-depot": ("france_services", "bus that bears the point of its depot"),
    "fs-hors-annuaire": ("france_services", "site the directory does not copy"),
}


def structural(world: World, supply: Supply) -> dict[str, list[str]]:
    """Traits that come from the world itself rather than from a fault: name -> keys of the counters."""
    by_point: dict[tuple[float, float], list[Counter]] = {}
    for counter in supply.directory:
        by_point.setdefault((counter.x, counter.y), []).append(counter)
    groups = [group for group in by_point.values() if len(group) > 1]
    listed = {c.key for c in supply.directory}
    olds = {old.code for c in world.communes for old in c.deleguees if old.code != c.code}
    return {
        "mairie-deleguee": [c.key for c in supply.directory if c.nom.startswith("Mairie déléguée")],
        "code-commune-deleguee": [c.key for c in supply.directory if c.insee in olds],
        "cite-administrative": [c.key for g in groups if all(c.type not in _FRONT_OFFICE for c in g) for c in g],
        "ccas-en-mairie": [c.key for g in groups if any(c.type == "mairie" for c in g) for c in g if c.type == "ccas"],
        "fs-hors-annuaire": [c.key for c in supply.france_services if c.key not in listed],
        "bus-au-depot": [c.key for c in supply.france_services if c.format == "Bus_équivalent"],
    }


# --- which counters ----------------------------------------------------------------------------------------------


def _not_bus(_world: World, counter: Counter) -> bool:
    return counter.format != "Bus_équivalent"


def _any(_world: World, _counter: Counter) -> bool:
    return True


def _of(*types: str) -> Callable[[World, Counter], bool]:
    return lambda _world, counter: counter.type in types


def _lasting_office(_world: World, counter: Counter) -> bool:
    """Counters that have hours and no partner: the DILA's own, structural traits apart."""
    partners = {"france_services", "ccas", "mds", "caf", "france_travail"}
    return bool(counter.hours) and counter.type not in partners and not counter.nom.startswith("Mairie déléguée")


def _elided(world: World, counter: Counter) -> bool:
    return _lasting_office(world, counter) and ("d'" in counter.nom or "L'" in counter.nom)


def _fixed(_world: World, counter: Counter) -> bool:
    return counter.format == "Fixe" and not counter.groupe


def _permanence(_world: World, counter: Counter) -> bool:
    return counter.rang == "permanence"


# --- what happens: the directory ---------------------------------------------------------------------------------


def _address(**values: str) -> Callable[[Record, Context], None]:
    return lambda record, _context: record["adresse"][0].update(values)


def _set(**values: Any) -> Callable[[Record, Context], None]:
    return lambda record, _context: record.update(values)


def _phone(form: str) -> Callable[[Record, Context], None]:
    """A telephone of another shape; `{p}{a}{b}{c}{d}` are the pairs of the number."""

    def strike(record: Record, context: Context) -> None:
        pairs = context.counter.telephone.split()
        keys = dict(zip("pabcd", pairs, strict=True))
        record["telephone"] = [{"valeur": form.format(**keys), "description": ""}]

    return strike


def _hours(*slots: tuple[str, str, str, str, str, str, str]) -> Callable[[Record, Context], None]:
    names_ = (
        "nom_jour_debut", "nom_jour_fin", "valeur_heure_debut_1", "valeur_heure_fin_1", "valeur_heure_debut_2",
        "valeur_heure_fin_2", "commentaire",
    )  # fmt: skip
    return lambda record, _context: record.update(
        plage_ouverture=[dict(zip(names_, slot, strict=True)) for slot in slots]
    )


def _note(text: str) -> Callable[[Record, Context], None]:
    """One slot a week whose comment changes what it means."""
    return _hours(("Lundi", "Lundi", "09:00:00", "12:00:00", "", "", text))


def _point(record: Record, x: float, y: float) -> None:
    longitude, latitude = crs.unproject(np.array([x]), np.array([y]), crs.MAINLAND)
    record["adresse"][0].update(longitude=f"{longitude[0]:.6f}", latitude=f"{latitude[0]:.6f}")


def _latitude_twice(record: Record, _context: Context) -> None:
    record["adresse"][0]["longitude"] = record["adresse"][0]["latitude"]


def _swapped(record: Record, _context: Context) -> None:
    place = record["adresse"][0]
    place["longitude"], place["latitude"] = place["latitude"], place["longitude"]


def _comma(record: Record, _context: Context) -> None:
    place = record["adresse"][0]
    place.update(longitude=place["longitude"].replace(".", ","), latitude=place["latitude"].replace(".", ","))


def _elsewhere(record: Record, context: Context) -> None:
    here = context.counter
    far = max(context.world.communes, key=lambda c: (np.hypot(c.x - here.x, c.y - here.y), c.code))
    _point(record, far.x, far.y)


def _at_sea(record: Record, context: Context) -> None:
    island = context.world.communes[context.world.island]
    _point(record, island.x - 6_000, island.y)


def _centroid(record: Record, context: Context) -> None:
    centre = context.world.communes[context.counter.commune].geometry.centroid
    _point(record, centre.x, centre.y)


def _cedex(record: Record, context: Context) -> None:
    commune = context.world.communes[context.counter.commune]
    record["adresse"][0].update(
        service_distribution="BP 12", code_postal=f"{commune.departement}008", nom_commune=f"{commune.nom} Cedex 9"
    )


def _two_addresses(record: Record, context: Context) -> None:
    physical = record["adresse"][0]
    commune = context.world.communes[context.counter.commune]
    head = next(c for c in context.world.communes if c.departement == commune.departement and c.rang == 3)
    postal = {
        **physical,
        "type_adresse": "Adresse postale",
        "code_postal": f"{head.departement}015",
        "nom_commune": f"{head.nom} Cedex",
        "longitude": "",
        "latitude": "",
    }
    record["adresse"] = [postal, physical]


def _pivot_code(code: Callable[[Context], str]) -> Callable[[Record, Context], None]:
    def strike(record: Record, context: Context) -> None:
        record["code_insee_commune"] = code(context)
        record["pivot"][0]["code_insee_commune"] = [code(context)]

    return strike


def _seat_elsewhere(record: Record, context: Context) -> None:
    other = next(c for c in context.world.communes if c.index != context.counter.commune and c.population)
    record["pivot"][0]["code_insee_commune"] = [other.code]


def _old_generation(record: Record, _context: Context) -> None:
    """The shape of December 2021: codes as text, single objects instead of lists."""
    pivot = record["pivot"][0]
    record["pivot"] = {**pivot, "code_insee_commune": pivot["code_insee_commune"][0], "indice_code_pivot": "01"}
    record["adresse"] = record["adresse"][0]


def _type(code: str) -> Callable[[Record, Context], None]:
    return lambda record, _context: record["pivot"][0].update(type_service_local=code)


def _two_types(record: Record, _context: Context) -> None:
    record["pivot"].append({**record["pivot"][0], "type_service_local": "chambre_metier_reg"})


def _formula(record: Record, context: Context) -> None:
    record["nom"] = f'=HYPERLINK("https://example.org/?q={names.slug(context.counter.nom)}","{context.counter.nom}")'


def _personal_mail(record: Record, context: Context) -> None:
    first, last = names.person(context.rng)
    record["adresse_courriel"] = [f"{names.slug(first)}.{names.slug(last)}@example.fr"]


def _people(record: Record, context: Context) -> None:
    first, last = names.person(context.rng)
    person = {"civilite": "Mme", "prenom": first, "nom": last, "grade": ""}
    record["affectation_personne"] = [{"fonction": "Responsable", "telephone": "", "personne": person}]


def _lost_apostrophe(record: Record, _context: Context) -> None:
    record["nom"] = record["nom"].replace("d'", "d ").replace("L'", "L ")


def _siret(form: Callable[[str], str]) -> Callable[[Record, Context], None]:
    return lambda record, _context: record.update(siret=form(record["siret"] or "99000000000000"))


def _spaced_siret(siret: str) -> str:
    return THIN.join((siret[:2], siret[2:5], siret[5:8], siret[8:11], siret[11:]))


# --- what happens: France services -------------------------------------------------------------------------------


def _day_cells(text: str, days: Iterable[str] = ("h_lundi",)) -> Callable[[Record, Context], None]:
    return lambda row, _context: row.update(dict.fromkeys(days, text))


_FS_DAYS = ("h_lundi", "h_mardi", "h_mercredi", "h_jeudi", "h_vendredi", "h_samedi")


def _other_departement(row: Record, context: Context) -> None:
    codes = [d.code for d in context.world.departements]
    row["insee_dep"] = codes[(codes.index(row["insee_dep"]) + 1) % len(codes)]


def _fs_personal(row: Record, context: Context) -> None:
    first, last = names.person(context.rng)
    row["mail"] = f"{names.slug(first)}.{names.slug(last)}@mairie.example.fr"


def _fs_formula(row: Record, _context: Context) -> None:
    row["lib_fs"] = f'=HYPERLINK("https://example.org","{row["lib_fs"]}")'


def _fs_two_mails(row: Record, _context: Context) -> None:
    row["mail"] = f"accueil@example.fr - {row['mail']}"


def _untouched(_row: Record, _context: Context) -> None:
    """The fault is made by the writer of the file: a row cannot shift itself."""


# --- what happens: departmental lists ----------------------------------------------------------------------------


def _column(of: str, value: Any) -> Callable[[Record, Context], None]:
    """Write `value` in the first column whose name begins as `of`, whatever the list's own case."""

    def strike(row: Record, _context: Context) -> None:
        name = next(n for n in row if n.lower().startswith(of))
        row[name] = value(row[name]) if callable(value) else value

    return strike


def _list_swapped(row: Record, _context: Context) -> None:
    row["geometry.x"], row["geometry.y"] = row["geometry.y"], row["geometry.x"]


_CSV, _XLSX, _GEO = "ccas_71_saone_et_loire", "ccas_77_seine_et_marne", "ccas_92_hauts_de_seine"
_D, _F, _C = "dila", "france_services", "caf"
_OPEN = ("Lundi", "Vendredi", "09:00:00", "12:00:00", "14:00:00", "17:00:00", "")

QUIRKS = (
    # where it is
    Quirk("coordonnees-absentes", _D, "no coordinates", _lasting_office, _address(longitude="", latitude="")),
    Quirk("latitude-en-longitude", _D, "latitude copied into longitude", _lasting_office, _latitude_twice),
    Quirk("coordonnees-inversees", _D, "longitude and latitude swapped", _lasting_office, _swapped),
    Quirk("virgule-decimale", _D, "coordinates with a decimal comma", _lasting_office, _comma),
    Quirk("point-autre-commune", _D, "point in a far commune", _lasting_office, _elsewhere),
    Quirk("point-en-mer", _D, "point in the sea", _lasting_office, _at_sea),
    Quirk("point-nul", _D, "point at 0, 0", _lasting_office, _address(longitude="0", latitude="0")),
    Quirk("centroide-commune", _D, "point at the commune's centroid", _lasting_office, _centroid),
    Quirk("cedex", _D, "CEDEX town and postcode, not the commune's", _lasting_office, _cedex),
    Quirk("cs-code-postal", _D, "number of the CS typed as postcode", _lasting_office,
          _address(service_distribution="CS 80267", code_postal="80267")),
    Quirk("ville-code-postal", _D, "name of a town in the postcode", _lasting_office, _address(code_postal="Brumelan")),
    Quirk("deux-adresses", _D, "postal address first, physical second", _lasting_office, _two_addresses),
    Quirk("code-insee-inconnu", _D, "commune code that never existed", _lasting_office,
          _pivot_code(lambda c: f"{c.counter.insee[:2]}998")),
    Quirk("code-insee-postal", _D, "postcode in place of the commune code", _lasting_office,
          _pivot_code(lambda c: c.counter.code_postal)),
    Quirk("pivot-divergent", _D, "commune of the pivot is not that of the record", _lasting_office, _seat_elsewhere),
    # when it is open
    Quirk("plage-nulle", _D, "hours 00:00:00 – 00:00:00", _lasting_office,
          _hours(("Lundi", "Vendredi", "00:00:00", "00:00:00", "09:00:00", "12:00:00", ""))),
    Quirk("plage-vide", _D, "same hour at both ends", _lasting_office,
          _hours(("Lundi", "Vendredi", "07:30:00", "07:30:00", "", "", ""))),
    Quirk("heure-apostrophe", _D, "apostrophe before the hour", _lasting_office,
          _hours(("Lundi", "Vendredi", "'08:00:00", "12:00:00", "", "", ""))),
    Quirk("heure-sans-zero", _D, "9:00:00 without its zero", _lasting_office,
          _hours(("Lundi", "Vendredi", "9:00:00", "12:00:00", "", "", ""))),
    Quirk("plage-inversee", _D, "closes before it opens", _lasting_office,
          _hours(("Lundi", "Vendredi", "17:00:00", "09:00:00", "", "", ""))),
    Quirk("plages-superposees", _D, "Friday told twice, differently", _lasting_office,
          _hours(_OPEN, ("Vendredi", "Vendredi", "09:00:00", "11:30:00", "", "", ""))),
    Quirk("jours-inverses", _D, "from Friday to Monday", _lasting_office,
          _hours(("Vendredi", "Lundi", "09:00:00", "12:00:00", "", "", ""))),
    Quirk("note-rendez-vous", _D, "comment: by appointment only", _lasting_office,
          _note("Accueil ouvert uniquement sur rendez-vous.")),
    Quirk("note-semaines-paires", _D, "comment: even weeks", _lasting_office, _note("les semaines paires")),
    Quirk("note-premier-samedi", _D, "comment: first Saturday of the month", _lasting_office,
          _hours(("Samedi", "Samedi", "09:00:00", "12:00:00", "", "", "le 1er samedi du mois"))),
    Quirk("note-telephone-seul", _D, "comment: by telephone only", _lasting_office,
          _note("Permanence téléphonique uniquement")),
    Quirk("note-contraire", _D, "comment that contradicts the hours", _lasting_office,
          _hours(("Samedi", "Samedi", "09:00:00", "11:00:00", "", "", "Permanence du maire de 10h à 12h uniquement"))),
    Quirk("note-ete", _D, "comment: closed in summer", _lasting_office, _note("Accueil fermé en juillet-août")),
    # what it is
    Quirk("type-jamais-vu", _D, "type code never seen before", _of("cij", "pmi", "point_justice"),
          _type("maison_du_citoyen")),
    Quirk("type-renomme", _D, "old word of a renamed type", _of("france_travail"), _type("pole_emploi")),
    Quirk("deux-types", _D, "record with two types", _of("chambre_metier"), _two_types),
    Quirk("pivot-vide", _D, "no type at all", _lasting_office, _set(pivot=[])),
    Quirk("forme-2021", _D, "nested objects in their shape of 2021", _lasting_office, _old_generation),
    Quirk("retire", _D, "withdrawn record", _lasting_office, _set(statut_de_diffusion="false")),
    Quirk("service-national", _D, "national service, not a counter", _of("prudhommes", "cio", "greta"),
          _set(categorie="SI")),
    Quirk("identifiant-double", _D, "record written twice", _lasting_office, _untouched),
    # what is written in cells
    Quirk("formule", _D, "name that a spreadsheet would run", _lasting_office, _formula),
    Quirk("html", _D, "HTML in a text", _lasting_office,
          _set(commentaire_plage_ouverture='<p>Sur <b>rendez-vous</b> <script>alert("x")</script></p>')),
    Quirk("apostrophe-perdue", _D, "apostrophe lost in the name", _elided,
          _lost_apostrophe),
    Quirk("courriel-nominatif", _D, "e-mail of a person", _lasting_office, _personal_mail),
    Quirk("personnes", _D, "people named in the record", _lasting_office, _people),
    Quirk("courriel-url", _D, "web address in the e-mail field", _lasting_office,
          _set(adresse_courriel=["https://www.example.fr/contact"])),
    Quirk("url-sans-protocole", _D, "web address without its scheme", _lasting_office,
          _set(site_internet=[{"libelle": "", "valeur": "www.example.fr"}])),
    Quirk("nd", _D, "#N/D left by a spreadsheet", _lasting_office, _address(code_postal="#N/D", nom_commune="#N/D")),
    Quirk("telephone-insecable", _D, "no-break spaces in the telephone", _lasting_office,
          _phone(f"{{p}}{NBSP}{{a}}{NBSP}{{b}}{NBSP}{{c}}{NBSP}{{d}}")),
    Quirk("telephone-sans-zero", _D, "telephone that lost its zero", _lasting_office,
          lambda r, c: r.update(telephone=[{"valeur": c.counter.telephone.replace(" ", "")[1:], "description": ""}])),
    Quirk("telephone-international", _D, "international telephone", _lasting_office,
          lambda r, c: r.update(telephone=[{"valeur": f"+33 {c.counter.telephone[1:]}", "description": ""}])),
    Quirk("telephone-parentheses", _D, "0(3)… telephone", _lasting_office,
          lambda r, c: r.update(telephone=[{"valeur": f"0({c.counter.telephone[1]}){c.counter.telephone[3:]}",
                                            "description": ""}])),
    Quirk("telephone-court", _D, "four-digit telephone", _lasting_office,
          _set(telephone=[{"valeur": "3646", "description": "Service gratuit + prix appel"}])),
    Quirk("telephone-texte", _D, "text around the telephone", _lasting_office,
          _phone("17 (en cas d'urgence) ou {p} {a} {b} {c} {d}")),
    Quirk("telephone-double", _D, "two telephones glued together", _lasting_office,
          _phone("{p} {a} {b} {c} {d}{p} {a} {b} {c} {d}")),
    Quirk("siret-espaces", _D, "thin spaces in the SIRET", _lasting_office, _siret(_spaced_siret)),
    Quirk("siret-siren", _D, "SIREN in place of the SIRET", _lasting_office, _siret(lambda s: s[:9])),
    Quirk("siret-faux", _D, "SIRET `1`", _lasting_office, _siret(lambda _s: "1")),
    Quirk("date-iso", _D, "ISO date", _lasting_office, _set(date_modification="2026-03-04T10:00:00+02:00")),
    Quirk("date-impossible", _D, "31 February", _lasting_office, _set(date_modification="31/02/2026 10:00:00")),
    Quirk("date-1970", _D, "1 January 1970", _lasting_office, _set(date_modification="01/01/1970 00:00:00")),
    Quirk("date-vide", _D, "no date", _lasting_office, _set(date_modification="")),
    Quirk("champ-inconnu", _D, "field that no specification knows", _lasting_office, _set(qualite_accueil="A+")),
    # France services
    Quirk("fs-plage-nulle", _F, "00:00 - 00:00 before the real slots", _fixed,
          _day_cells("00:00 - 00:00 / 09:00 - 12:00 / 14:00 - 17:00", _FS_DAYS[:5])),
    Quirk("fs-plages-superposees", _F, "three slots, the first covers the others", _fixed,
          _day_cells("09:00 - 17:30 / 09:00 - 12:00 / 13:30 - 17:30")),
    Quirk("fs-sans-horaires", _F, "every day empty", _fixed, _day_cells("", _FS_DAYS)),
    Quirk("fs-tiret", _F, "`-` for closed, unspaced slots", _fixed,
          lambda r, _c: r.update(h_lundi="09:00-12:00/14:00-17:00", h_samedi="-")),
    Quirk("fs-retour-ligne", _F, "line break inside a cell", _fixed,
          _set(commentaire="Fermé le 1er lundi\ndu mois ; « sur rendez-vous » l'après-midi")),
    Quirk("fs-sans-point", _F, "no coordinates", _fixed, _set(latitude="", longitude="")),
    Quirk("fs-zero-perdu", _F, "commune code and postcode that lost their zero", lambda _w, c: c.insee.startswith("0"),
          lambda r, _c: r.update(insee_com=r["insee_com"][1:], code_postal=r["code_postal"][1:])),
    Quirk("fs-0null", _F, "commune code `0null`", _fixed, _set(insee_com="0null")),
    Quirk("fs-autre-departement", _F, "département that is not the commune's", _fixed, _other_departement),
    Quirk("fs-deux-courriels", _F, "two e-mails in a cell", _not_bus, _fs_two_mails),
    Quirk("fs-courriel-nominatif", _F, "e-mail of a person", _not_bus, _fs_personal),
    Quirk("fs-formule", _F, "name that a spreadsheet would run", _not_bus, _fs_formula),
    Quirk("fs-colonne-inconnue", _F, "column that no specification knows", _not_bus, _set(label_qualite="Oui")),
    Quirk("fs-ligne-decalee", _F, "row shifted by one cell", _not_bus, _untouched),
    # Caf
    Quirk("caf-nd", _C, "#N/D for the opening", _permanence, _set(TYPOUVSI="#N/D")),
    Quirk("caf-type-inconnu", _C, "unknown kind of site", _permanence, _set(STRACCUE="espace partenaire")),
    Quirk("caf-commune-absente", _C, "no commune", _permanence, _set(NUMCOMSI="")),
    # departmental lists
    Quirk("liste-formule", _CSV, "name that a spreadsheet would run", _any,
          _column("nom", lambda name: f'=HYPERLINK("https://example.org","{name}")')),
    Quirk("liste-nd", _CSV, "#N/D left by a spreadsheet", _any, _column("tel", "#N/D")),
    Quirk("liste-retour-ligne", _CSV, "line break inside a cell", _any,
          _column("horaires", "Du lundi au vendredi :\n8h45-12h")),
    Quirk("liste-insecable", _CSV, "no-break and thin spaces in the hours", _any,
          _column("horaires", f"Du lundi au vendredi{NBSP}: 8h45{THIN}–{THIN}12h")),
    Quirk("liste-decalee", _CSV, "row shifted by one cell", _any, _untouched),
    Quirk("liste-telephone-nombre", _XLSX, "telephone turned into a number, its zero lost", _any,
          _column("tel", lambda phone: int(phone.replace(" ", "")))),
    Quirk("liste-code-postal-nombre", _XLSX, "postcode turned into a number", _any, _column("cp", int)),
    Quirk("liste-html", _XLSX, "HTML in the hours", _any, _column("horaires", "<br/>Lundi : <b>9h-12h</b>")),
    Quirk("liste-inversee", _GEO, "longitude and latitude swapped", _any, _list_swapped),
    Quirk("liste-sans-point", _GEO, "null geometry", _any, _set(**{"geometry.x": None, "geometry.y": None})),
    Quirk("liste-deux-telephones", _GEO, "two telephones in a cell", _any,
          _column("tel", lambda phone: f"{phone} / {phone[:-2]}99")),
)  # fmt: skip
