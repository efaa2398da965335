"""The report of a scenario in French: what the project is, who comes nearer, who goes farther, where, what is unknown.

Never the only net of gains and losses.
"""

from collections.abc import Mapping
from typing import Any

import polars as pl

from outputs.scenario.document import Block, Picture, Report, signed
from outputs.scenario.results import EVERYBODY, Results
from outputs.sheet.content import CROW, FRAGILE, ROAD, TENSE
from outputs.sheet.document import Column, Edition, Table, Tile
from outputs.sheet.scheme import scheme
from outputs.sheet.territory import LEVELS
from outputs.sheet.words import NBSP, UNKNOWN_SHORT, count, figure, listed, share, typeset
from quality.results import shorten

Names = Mapping[tuple[str, str], str]
GROUPS = {
    EVERYBODY: "Habitants",
    "menages_pauvres": "Ménages pauvres",
    "habitants_65_ans_ou_plus": "65 ans ou plus",
    "menages_sans_voiture": "Ménages sans voiture",
}
MEASURES = {
    ROAD: "Temps par la route : en voiture, de porte à porte, un jour ordinaire.",
    CROW: "Temps estimés à vol d’oiseau, faute de routes (ligne droite, détour et vitesse moyens) : un ordre de "
    "grandeur.",
}
#: Services drawn, and rows of each list: what three pages hold.
DRAWN = 3
_DEPARTEMENTS, _EPCI, _COMMUNES, _RANKED, _BASKETS = 4, 8, 5, 6, 6
_PAGES = 3
_LONGEST = 240  # characters kept of an edit
_ARROW, _SAME = f"{NBSP}→ ", "inchangé"
_SIDES = ("avant", "apres")


def report(results: Results, names: Names, edition: Edition, pictures: Mapping[str, bytes]) -> Report:
    """The report.

    Args:
        names: of territories, by level and code.
        edition: the release it is on.
        pictures: maps before, after and difference, by typology, in the order they are shown.
    """
    summary = results.summary
    blocks: list[Block] = [_edits(results), _winners(results)]
    blocks += [_picture(results, typology, image) for typology, image in pictures.items()]
    blocks += [
        _territories(results, names),
        _hours(results, names),
        _baskets(results, names),
        _tension(results, names),
        _together(results),
        _kilometres(results),
        _known(results, names),
    ]
    return Report(
        title=typeset(summary.nom),
        subtitle=_subtitle(results),
        edition=f"Évaluation d’un projet · sur la version {edition.version} · données au {edition.day:%d/%m/%Y}",
        measure=typeset(MEASURES[summary.mesure]),
        fictional=edition.fictional,
        tiles=tiles(results),
        blocks=tuple(b for b in blocks if not isinstance(b, Table) or b.rows or b.lead),
        sources=sources(edition),
        definitions=definitions(results),
        method=edition.method,
        pages=_PAGES,
    )


def sources(edition: Edition) -> str:
    """Where data comes from, and its licence."""
    return f"Sources{NBSP}: {f'{NBSP}; '.join(typeset(line) for line in edition.credits)}. {edition.licence}."


def definitions(*several: Results) -> str:
    """Words of the report, and what it is tied to."""
    base = several[0].summary
    prints = ", ".join(r.summary.empreinte_scenario[:12] for r in several)
    return typeset(
        "« Rapproché » : dont le temps jusqu’à l’implantation la plus proche diminue ; « éloigné » : dont il augmente. "
        f"« Non connu » ({UNKNOWN_SHORT}) n’est jamais zéro. "
        f"Version {base.version_base}, empreinte {base.empreinte_base[:12]} ; "
        f"projet{'s' if len(several) > 1 else ''} {prints}. Le même projet sur la même version donne les mêmes octets."
    )


def tiles(results: Results) -> tuple[Tile, ...]:
    """The essentials: nearer, farther, who crosses the first threshold, kilometres."""
    figures, totals = results.summary.chiffres, results.totals
    both = figures["habitants_rapproches_et_eloignes"] or 0
    everybody = totals.filter(pl.col("groupe") == EVERYBODY)
    several = len(results.typologies) > 1
    of_one = " d’au moins un service" if several else ""
    mixed = f"dont {count(both, 'habitant')} aussi éloignés d’un autre" if both else ""
    shown = []
    for value, word, minutes, people, sign, more in (
        ("habitants_rapproches", "rapprochés", "minutes_gagnees", "gagnants", "−", mixed),
        ("habitants_eloignes", "éloignés", "minutes_perdues", "perdants", "+", ""),
    ):
        moved = float(everybody[people].sum())
        mean = (
            f"{sign}{figure(float(everybody[minutes].sum()) / moved, 1, 'min')} par trajet, en moyenne" if moved else ""
        )
        beside = " · ".join(part for part in (mean, more) if part) or "personne"
        shown.append(Tile(figure(figures[value]), f"habitants {word}{of_one}", beside))
    near, *others = results.summary.seuils_min
    if results.typologies:
        main = results.totals_of(results.typologies[0])
        service = typeset(scheme().short(results.typologies[0]))
        rest = [_crossing(main, m) + f" ({m}{NBSP}min)" for m in others]
        crossed = Tile(
            _crossing(main, near),
            f"habitants passent à {near}{NBSP}min ou moins / au-delà{NBSP}: {service}",
            " · ".join(rest),
        )
    else:
        crossed = Tile("0", f"habitant ne passe le seuil de {near}{NBSP}min", "aucun temps ne change")
    km = figures["vehicules_km_an"]
    driven = Tile(
        signed(km, 0, unknown=UNKNOWN_SHORT) + f"{NBSP}km",
        "parcourus en voiture chaque année",
        "ordre de grandeur, selon l’hypothèse ci-dessous",
    )
    return (*shown, crossed, driven)


def _crossing(totals: Mapping[str, float], minutes: int) -> str:
    """Those who come within a threshold, those who leave it."""
    come, leave = totals[f"entrants_{minutes}_min"], totals[f"sortants_{minutes}_min"]
    return f"{signed(come, unknown=UNKNOWN_SHORT)} / {signed(-leave, unknown=UNKNOWN_SHORT)}"


def _subtitle(results: Results) -> str:
    states = dict(results.table("points_accueil")["etat"].value_counts().iter_rows())
    words = (
        ("ouvert", "point d’accueil ouvert", "points d’accueil ouverts"),
        ("fermé", "fermé", "fermés"),
        ("déplacé", "déplacé", "déplacés"),
        ("horaires changés", "aux horaires changés", "aux horaires changés"),
    )
    told = [count(states[state], one, many) for state, one, many in words if state in states]
    return " · ".join([count(results.table("modifications").height, "modification"), ", ".join(told)])


def _edits(results: Results) -> Table:
    rows = []
    depends = False
    for rank, text, alone in results.table("modifications").iter_rows():
        depends |= alone is None
        rows.append((str(rank), shorten(typeset(text), _LONGEST), signed(alone, unknown="*")))
    notes = [
        "Minutes gagnées (+) ou perdues (−) par tous les habitants ensemble, pour un trajet de chacun, si cette "
        "modification était la seule. Permanences, itinérances et horaires ne changent pas le temps jusqu’à "
        "l’implantation la plus proche, mais les heures à portée."
    ]
    if depends:
        notes.append("* Porte sur une autre modification : sans valeur seule.")
    columns = (
        Column("n°", 6),
        Column("Modification", 120, number=False, strong=True),
        Column("Seule, en minutes × habitants", 24),
    )
    lead = typeset(results.summary.description or "")
    return Table("Le projet", columns, tuple(rows), lead=lead, notes=tuple(map(typeset, notes)))


def _winners(results: Results) -> Table:
    thresholds = results.summary.seuils_min
    columns = (
        Column("Service", 26, number=False, strong=True),
        Column("Qui", 26, number=False),
        Column("rapprochés", 13, "Personnes ou ménages", strong=True),
        Column("éloignés", 13, "Personnes ou ménages", strong=True),
        Column("gagnées", 14, "Minutes, un trajet de chacun", detail=True),
        Column("perdues", 14, "Minutes, un trajet de chacun", detail=True),
        *(
            Column(title, 13, f"Seuil de {m}{NBSP}min", detail=m != thresholds[0])
            for m in thresholds
            for title in ("passent en deçà", "passent au-delà")
        ),
    )
    rows = []
    for row in results.totals.iter_rows(named=True):
        first = row["groupe"] == EVERYBODY
        crossings = [figure(row[f"{way}_{m}_min"]) for m in thresholds for way in ("entrants", "sortants")]
        moved = (figure(row[c]) for c in ("gagnants", "perdants", "minutes_gagnees", "minutes_perdues"))
        service = typeset(scheme().short(row["typologie"])) if first else ""
        rows.append((service, GROUPS[row["groupe"]], *moved, *crossings))
    title = "Qui y gagne, qui y perd"
    if not rows:
        return Table(title, lead="Aucun temps jusqu’à l’implantation la plus proche ne change.")
    notes = ("Toute la région mesurée. Ménages sans voiture : part de la commune, répartie sur ses ménages.",)
    return Table(title, columns, tuple(rows), notes=tuple(map(typeset, notes)))


def _picture(results: Results, typology: str, image: bytes) -> Picture:
    service = typeset(scheme().short(typology))
    kind = "" if results.summary.by_road else " (à vol d’oiseau)"
    left = [typeset(scheme().short(t)) for t in results.typologies[DRAWN:]]
    notes = (f"Cartes des autres services ({listed(left)}){NBSP}: dans scenario.gpkg.",) if left else ()
    last = typology == results.typologies[:DRAWN][-1]
    return Picture(
        f"{service}{NBSP}: temps jusqu’à l’implantation la plus proche{kind}",
        image,
        f"Trois cartes{NBSP}: temps avant, temps après, écart. Les valeurs sont dans les tableaux.",
        notes if last else (),
    )


def _territories(results: Results, names: Names) -> Table:
    near = results.summary.seuils_min[0]
    moved = results.table("gagnants_perdants").filter(pl.col("groupe") == EVERYBODY)
    times = results.table("temps").select("niveau", "territoire", "typologie", "temps_avant_min", "temps_apres_min")
    rows = moved.join(times, on=["niveau", "territoire", "typologie"], how="left", maintain_order="left").with_columns(
        (pl.col("minutes_gagnees") - pl.col("minutes_perdues")).alias("_net"),
        (pl.col("minutes_gagnees") + pl.col("minutes_perdues")).alias("_size"),
    )
    communes = rows.filter(pl.col("niveau") == "commune").sort("_net", "territoire", "typologie")
    most = communes.filter(pl.col("_net") < 0).head(_COMMUNES)
    best = communes.filter(pl.col("_net") > 0).reverse().head(_COMMUNES)
    above = [
        rows.filter(pl.col("niveau") == level)
        .sort("_size", "territoire", "typologie", descending=[True, False, False])
        .head(size)
        for level, size in (("departement", _DEPARTEMENTS), ("epci", _EPCI))
    ]
    columns = (
        Column("Territoire", 42, number=False, strong=True),
        Column("Service", 22, number=False),
        Column("avant", 11, "Temps moyen (min)"),
        Column("après", 11, "Temps moyen (min)", strong=True),
        Column("rapprochés", 14, "Habitants"),
        Column("éloignés", 14, "Habitants"),
        Column("passent en deçà", 14, f"Seuil de {near}{NBSP}min", detail=True),
        Column("passent au-delà", 14, f"Seuil de {near}{NBSP}min", detail=True),
    )
    shown = [_territory(row, names, near) for frame in (*above, best, most) for row in frame.iter_rows(named=True)]
    cut = [
        f"{LEVELS[level].many} ({figure(size)} lignes sur {figure(there)})"
        for level, size in (("departement", _DEPARTEMENTS), ("epci", _EPCI), ("commune", 2 * _COMMUNES))
        if (there := rows.filter(pl.col("niveau") == level).height) > size
    ]
    notes = [f"Les plus touchés seulement : {listed(cut)} ; tous dans gagnants_perdants.parquet."] if cut else []
    if best.height or most.height:
        notes.append("Communes : celles qui gagnent le plus, puis celles qui perdent le plus.")
    return Table("Territoire par territoire", columns, tuple(shown), notes=tuple(map(typeset, notes)))


def _territory(row: Mapping[str, Any], names: Names, near: int) -> tuple[str, ...]:
    return (
        named(names, row["niveau"], row["territoire"]),
        typeset(scheme().short(row["typologie"])),
        figure(row["temps_avant_min"], 1, unknown=UNKNOWN_SHORT),
        figure(row["temps_apres_min"], 1, unknown=UNKNOWN_SHORT),
        figure(row["gagnants"]),
        figure(row["perdants"]),
        figure(row[f"entrants_{near}_min"]),
        figure(row[f"sortants_{near}_min"]),
    )


def named(names: Names, niveau: str, code: str) -> str:
    """A territory by its name, départements with their code."""
    name = typeset(shorten(names.get((niveau, code), code), 60))
    return f"{name} ({code})" if niveau == "departement" and name != code else name


def _hours(results: Results, names: Names) -> Table:
    keys = ["niveau", "territoire", "typologie"]
    hours = results.table("acces").select(
        *keys,
        *(f"{c}_{s}" for c in ("heures_accessibles_semaine", "jours_ouverts_semaine") for s in ("avant", "apres")),
    )
    offer = results.table("demande").select(*keys, "offre_minutes_pour_100_avant", "offre_minutes_pour_100_apres")
    rows = (
        hours.join(offer, on=keys, how="full", coalesce=True)
        .filter(pl.col("niveau") == "departement")
        .sort(*keys)
        .head(3 * _DEPARTEMENTS)
    )
    shown = []
    for row in rows.iter_rows(named=True):
        columns = ("heures_accessibles_semaine", "jours_ouverts_semaine", "offre_minutes_pour_100")
        words = [_change(*(figure(row[f"{c}_{s}"], 1, unknown=UNKNOWN_SHORT) for s in _SIDES)) for c in columns]
        # Tiny changes are in the files: the page says what can be read.
        if any(word != _SAME for word in words):
            named_row = (named(names, "departement", row["territoire"]), typeset(scheme().short(row["typologie"])))
            shown.append((*named_row, *words))
    heads = (
        Column("Département", 50, number=False, strong=True),
        Column("Service", 26, number=False),
        Column("Heures par semaine à portée", 30),
        Column("Jours ouverts à portée", 26),
        Column("Minutes de guichet pour 100 usagers", 32),
    )
    notes = ("Permanences, itinérances et horaires comptent ici. Là où les horaires sont connus.",)
    return Table("Horaires et offre à portée", heads, tuple(shown), notes=notes if shown else ())


def _change(before: str, after: str) -> str:
    """Two sides in words; what cannot be told apart is the same."""
    return _SAME if before == after else f"{before}{_ARROW}{after}"


def _baskets(results: Results, names: Names) -> Table:
    frame = results.table("paniers")
    if frame.is_empty():
        return Table("Paniers de services")
    here = frame.filter(pl.col("niveau") == "departement").sort("panier", "territoire").head(_BASKETS)
    known = scheme().paniers
    shown = []
    for row in here.iter_rows(named=True):
        parts = ("couverture_pct", "panier_complet_pct")
        words = [_change(*(share(row[f"{c}_{s}"], unknown=UNKNOWN_SHORT) for s in _SIDES)) for c in parts]
        worst = (figure(row[f"temps_maillon_faible_min_{s}"], 1, unknown=UNKNOWN_SHORT) for s in _SIDES)
        basket = known.get(row["panier"], row["panier"])
        shown.append((basket, named(names, "departement", row["territoire"]), *words, _change(*worst)))
    columns = (
        Column("Panier", 34, number=False, strong=True),
        Column("Département", 46, number=False),
        Column("Part du panier à portée", 28),
        Column("Habitants ayant tout", 28),
        Column("Service le plus éloigné (min)", 28),
    )
    return Table("Paniers de services", columns, tuple(shown))


def _tension(results: Results, names: Names) -> Table:
    title = "Zones de tension"
    frame = results.table("tension")
    if frame.is_empty():
        reference = typeset(scheme().reference.typologie)
        return Table(title, lead=f"L’indice porte sur {reference}{NBSP}: le projet ne le change pas.")
    words = {TENSE: "en tension", FRAGILE: "fragile"}
    tense = [(pl.col(f"type_{side}") == TENSE).fill_null(value=False) for side in _SIDES]
    left, came = frame.filter(tense[0] & ~tense[1]), frame.filter(~tense[0] & tense[1])
    lead = f"Sortent de la tension{NBSP}: {_counted(left)}. Y entrent{NBSP}: {_counted(came)}."
    crossing = (tense[0] != tense[1]).alias("_crossing")
    ranked = (
        frame.filter(pl.col("rang_national_ecart").fill_null(0) != 0)
        .with_columns(crossing, pl.col("rang_national_ecart").abs().alias("_size"))
        .sort("_crossing", "_size", "niveau", "territoire", descending=[True, True, False, False])
    )
    rows = [
        (
            named(names, row["niveau"], row["territoire"]),
            LEVELS[row["niveau"]].one,
            figure(row["rang_national_avant"], unknown=UNKNOWN_SHORT),
            figure(row["rang_national_apres"], unknown=UNKNOWN_SHORT),
            *(
                words.get(row[f"type_{side}"] or "", "non" if row[f"type_{side}"] else UNKNOWN_SHORT)
                for side in ("avant", "apres")
            ),
        )
        for row in ranked.head(_RANKED).iter_rows(named=True)
    ]
    columns = (
        Column("Territoire", 46, number=False, strong=True),
        Column("Niveau", 26, number=False),
        Column("avant", 16, "Rang national"),
        Column("après", 16, "Rang national", strong=True),
        Column("avant", 20, "En tension ?", number=False),
        Column("après", 20, "En tension ?", number=False, strong=True),
    )
    notes = (
        "Rang 1 : le plus en tension. Les rangs se comparent à tout le pays : celui d’un territoire peut changer "
        "parce que d’autres le dépassent.",
    )
    return Table(title, columns, tuple(rows), lead=lead, notes=tuple(map(typeset, notes)))


def _counted(territories: pl.DataFrame) -> str:
    """How many territories of each level."""
    levels = [territories.filter(pl.col("niveau") == level).height for level in ("commune", "epci")]
    words = [
        count(number, LEVELS[level].one, LEVELS[level].many)
        for level, number in zip(("commune", "epci"), levels, strict=True)
        if number
    ]
    return listed(words) or "aucun territoire"


def _together(results: Results) -> Table:
    figures = results.summary.chiffres
    whole, gap = figures["personnes_minutes"], figures["interaction_personnes_minutes"]
    title = "Les modifications ensemble"
    if results.table("modifications").height < 2:
        return Table(title)
    text = f"Ensemble, {_minutes(whole)}."
    if gap is None or whole is None:
        text += " Certaines portent sur d’autres : la somme de chacune seule n’a pas de sens."
    else:
        text += f" La somme de chacune seule : {_minutes(whole - gap)}."
        if round(gap) < 0:
            text += f" Elles se gênent : {figure(-gap)} de moins, parce que plusieurs servent les mêmes habitants."
        elif round(gap) > 0:
            text += f" Elles se complètent : {figure(gap)} de plus ensemble que séparément."
        else:
            text += " Elles ne se gênent ni ne s’aident."
    return Table(
        title, lead=typeset(text), notes=("Soldes des minutes gagnées et perdues, un trajet de chaque habitant.",)
    )


def _minutes(value: float | None) -> str:
    return f"{signed(value, unknown=UNKNOWN_SHORT)} minutes × habitants"


def _kilometres(results: Results) -> Table:
    km = results.summary.chiffres["vehicules_km_an"]
    trips = [
        f"{figure(number, 0 if number == round(number) else 1)} vers {scheme().short(typology)}"
        for typology, number in results.summary.trajets_par_an.items()
    ]
    text = (
        f"{signed(km, unknown=UNKNOWN_SHORT)} km par an, aller et retour, pour tous les habitants. Hypothèse : trajets "
        f"par habitant et par an, {listed(trips)}. Aucune statistique nationale ne les donne : à adapter localement."
    )
    return Table("Kilomètres en voiture", lead=typeset(text))


def _known(results: Results, names: Names) -> Table:
    summary = results.summary
    counters = results.table("points_accueil")
    told = [
        f"Région mesurée : {listed([named(names, 'departement', d) for d in summary.departements_mesures])}. Au-delà, "
        "l’effet n’est pas compté."
    ]
    told.append("Seules les implantations ouvertes toute la semaine comptent pour le temps jusqu’à la plus proche.")
    silent = counters.filter(pl.col("etat") != "fermé")["horaires"].null_count()
    if silent:
        told.append(f"Horaires non connus pour {count(silent, 'point d’accueil touché', 'points d’accueil touchés')}.")
    if summary.hors_reseau:
        told.append(f"Trop loin d’une route, personne ne les atteint : {listed(summary.hors_reseau)}.")
    without = _without_time(results)
    if without:
        told.append(f"Habitants sans temps connu après le projet : {listed(without)}.")
    still = [scheme().short(t) for t in summary.trajets_par_an if t not in results.typologies]
    if still:
        told.append(f"Aucun temps ne change pour : {listed(still)}.")
    told.append("Les habitants, leurs choix et les autres services sont supposés inchangés.")
    return Table("Ce qui est connu, ce qui ne l’est pas", lead=typeset(" ".join(told)))


def _without_time(results: Results) -> list[str]:
    """People without a time after, by typology, where there are some."""
    rows = results.table("temps").filter(pl.col("niveau") == "commune")
    people = pl.col("population") * pl.col("sans_temps_apres_pct") / 100
    sums = rows.group_by("typologie").agg(people.sum().alias("people")).sort("typologie")
    return [f"{scheme().short(t)} {figure(n)}" for t, n in sums.iter_rows() if n is not None and n >= 1]
