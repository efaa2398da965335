"""Scenarios side by side: one table of figures, and the report made of it. All are on the same base release.

A typology that a scenario does not touch has the times of the base; a place it does not measure has none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import TypeAlias

import polars as pl

from outputs.scenario.document import Block, Picture, Report, signed
from outputs.scenario.report import GROUPS, MEASURES, Names, definitions, named, sources
from outputs.scenario.results import EVERYBODY, Results
from outputs.sheet.document import Column, Edition, Table
from outputs.sheet.scheme import scheme
from outputs.sheet.words import NBSP, UNKNOWN_SHORT, count, figure, typeset
from pipeline.foundations.errors import WrongUse
from quality.results import shorten

#: How many can be read side by side.
MOST = 6
#: Services drawn.
DRAWN = 2
_PAGES = 3
_BASE = "base"
_KEYS = ("rubrique", "typologie", "territoire", "groupe", "indicateur", "unite")
_FIGURES = (
    ("habitants_rapproches", "habitants rapprochés d’au moins un service", "habitants"),
    ("habitants_eloignes", "habitants éloignés d’au moins un service", "habitants"),
    ("habitants_rapproches_et_eloignes", "habitants rapprochés d’un service, éloignés d’un autre", "habitants"),
    ("interaction_personnes_minutes", "effet d’être faites ensemble", "minutes × habitants"),
    ("vehicules_km_an", "kilomètres en voiture par an", "km"),
)
_STATES = (
    ("ouvert", "points d’accueil ouverts"),
    ("fermé", "points d’accueil fermés"),
    ("déplacé", "points d’accueil déplacés"),
    ("horaires changés", "points d’accueil aux horaires changés"),
)
Row: TypeAlias = tuple[tuple[str, str, str, str, str, str], float | None, list[float | None]]


@dataclass(frozen=True)
class Comparison:
    """Scenarios on one base, in the order given, each under a letter.

    Raises:
        WrongUse: fewer than two, more than can be read, or not on one release.
    """

    several: tuple[Results, ...]

    def __post_init__(self) -> None:
        if not 2 <= len(self.several) <= MOST:
            raise WrongUse(
                "comparison of scenarios",
                expected=f"two to {MOST} scenarios",
                found=str(len(self.several)),
                remedy="give the folders or the files of those to set side by side",
            )
        bases = {(r.summary.version_base, r.summary.empreinte_base) for r in self.several}
        if len(bases) > 1:
            on = [
                f"« {r.summary.nom} » on {r.summary.version_base} ({r.summary.empreinte_base[:12]})"
                for r in self.several
            ]
            raise WrongUse(
                "comparison of scenarios",
                expected="scenarios on one base release: their gains are counted from the same counters",
                found="; ".join(on),
                remedy="evaluate them again on the same release (`base` in the file, or --release)",
            )

    @property
    def titles(self) -> tuple[str, ...]:
        """`A. Name`: what each is called here, no two alike."""
        return tuple(f"{letter}. {r.summary.nom}" for letter, r in zip(ascii_uppercase, self.several, strict=False))

    @property
    def typologies(self) -> tuple[str, ...]:
        """Those that one of them moves somebody for, the most people first."""
        moved: dict[str, float] = {}
        for results in self.several:
            for typology in results.typologies:
                row = results.totals_of(typology)
                moved[typology] = moved.get(typology, 0.0) + row["gagnants"] + row["perdants"]
        return tuple(sorted(moved, key=lambda t: (-moved[t], t)))

    def frame(self) -> pl.DataFrame:
        """Every figure, one per row: `rubrique, typologie, territoire, groupe, indicateur, unite, base`, then a column
        per scenario, named as in `titles`. `base` is that of the release, null for what only a scenario has.
        """
        rows = self._rows()
        data: dict[str, list[str] | list[float | None]] = {
            name: [row[0][number] for row in rows] for number, name in enumerate(_KEYS)
        }
        data[_BASE] = [row[1] for row in rows]
        for number, title in enumerate(self.titles):
            data[title] = [row[2][number] for row in rows]
        schema = dict.fromkeys(_KEYS, pl.String()) | dict.fromkeys((_BASE, *self.titles), pl.Float64())
        return pl.DataFrame(data, schema=schema).with_columns(pl.selectors.float().round(2))

    def _rows(self) -> list[Row]:
        return [*self._whole(), *(row for typology in self.typologies for row in self._of(typology)), *self._times()]

    def _whole(self) -> list[Row]:
        """What each is, and the whole of its effects; minutes gained and lost apart."""
        rows: list[Row] = [
            (
                ("projet", "", "", "", "modifications", ""),
                None,
                [float(r.table("modifications").height) for r in self.several],
            )
        ]
        for state, words in _STATES:
            touched = [float((r.table("points_accueil")["etat"] == state).sum()) for r in self.several]
            if any(touched):
                rows.append((("projet", "", "", "", words, ""), None, list(touched)))
        for column, words in (("minutes_gagnees", "minutes gagnées"), ("minutes_perdues", "minutes perdues")):
            sums = [float(r.totals.filter(pl.col("groupe") == EVERYBODY)[column].sum()) for r in self.several]
            rows.append((("ensemble", "", "", "", words, "minutes × habitants"), None, list(sums)))
        for name, words, unit in _FIGURES:
            rows.append((("ensemble", "", "", "", words, unit), None, [r.summary.chiffres[name] for r in self.several]))
        return rows

    def _of(self, typology: str) -> list[Row]:
        """Who wins and loses for one typology."""
        thresholds = self.several[0].summary.seuils_min
        rows: list[Row] = []
        for group, people in GROUPS.items():
            shown = [("gagnants", "rapprochés"), ("perdants", "éloignés")]
            if group == EVERYBODY:
                shown += [
                    (f"{way}_{m}_min", f"passent {words} de {m} min")
                    for m in thresholds
                    for way, words in (("entrants", "en deçà"), ("sortants", "au-delà"))
                ]
            for column, words in shown:
                values = [r.totals_of(typology, group)[column] for r in self.several]
                rows.append((("gagnants et perdants", typology, "", people, words, "personnes"), None, list(values)))
        return rows

    def _times(self) -> list[Row]:
        """Mean times of départements, before (the same for all) and after each."""
        sides = [
            r.table("temps")
            .filter(pl.col("niveau") == "departement")
            .select("typologie", "territoire", "temps_avant_min", "temps_apres_min")
            for r in self.several
        ]
        known = {(t, d): (before, after) for t, d, before, after in pl.concat(sides).iter_rows()}
        rows: list[Row] = []
        for typology in self.typologies:
            for departement in sorted({d for t, d in known if t == typology}):
                base = known[typology, departement][0]
                after = []
                for results, side in zip(self.several, sides, strict=True):
                    mine = side.filter(pl.col("typologie") == typology)
                    row = mine.filter(pl.col("territoire") == departement)
                    untouched = typology not in results.summary.trajets_par_an
                    after.append(row["temps_apres_min"][0] if row.height else base if untouched else None)
                rows.append((("temps", typology, departement, "Habitants", "temps moyen", "min"), base, after))
        return rows


def comparison_report(compared: Comparison, names: Names, edition: Edition, pictures: Mapping[str, bytes]) -> Report:
    """The report of a comparison.

    Args:
        names: of territories, by level and code.
        edition: the base release.
        pictures: maps of the differences, by typology.
    """
    blocks: list[Block] = [_projects(compared), *_tables(compared, names)]
    for typology, image in pictures.items():
        service = typeset(scheme().short(typology))
        words = f"{service}{NBSP}: ce que change chaque projet"
        alt = "Une carte par projet, des mêmes lieux et à la même échelle. Les valeurs sont dans les tableaux."
        blocks.append(Picture(words, image, alt))
    measures = dict.fromkeys(r.summary.mesure for r in compared.several)
    measure = " ".join(MEASURES[m] for m in measures)
    if len(measures) > 1:
        measure = "Temps obtenus de façons différentes : les projets ne se comparent pas à la minute près."
    number = count(len(compared.several), "projet")
    return Report(
        title=f"{number[0].upper()}{number[1:]} côte à côte",
        subtitle=typeset(shorten(" · ".join(compared.titles), 240)),
        edition=f"Comparaison de projets · sur la version {edition.version} · données au {edition.day:%d/%m/%Y}",
        measure=typeset(measure),
        fictional=edition.fictional,
        tiles=(),
        blocks=tuple(blocks),
        sources=sources(edition),
        definitions=definitions(*compared.several),
        method=edition.method,
        pages=_PAGES,
    )


def _projects(compared: Comparison) -> Table:
    rows = []
    for letter, results in zip(ascii_uppercase, compared.several, strict=False):
        edits = results.table("modifications")["modification"].to_list()
        told = shorten(typeset(f"{NBSP}; ".join(edits)), 400)
        rows.append((letter, typeset(results.summary.nom), told))
    columns = (
        Column("", 5, number=False, strong=True),
        Column("Projet", 40, number=False, strong=True),
        Column("Modifications", 110, number=False, detail=True),
    )
    return Table("Les projets", columns, tuple(rows))


def _tables(compared: Comparison, names: Names) -> list[Table]:
    """The frame in three tables: the whole, who wins and loses, times."""
    frame = compared.frame()
    letters = ascii_uppercase[: len(compared.several)]
    values = [Column(letter, 18, strong=True) for letter in letters]

    def cells(row: Sequence[float | None], decimals: int) -> list[str]:
        return [figure(v, decimals, unknown=UNKNOWN_SHORT) for v in row]

    whole, winners, times = (
        frame.filter(pl.col("rubrique").is_in(kinds))
        for kinds in (["projet", "ensemble"], ["gagnants et perdants"], ["temps"])
    )
    first = []
    for row in whole.iter_rows():
        change = row[4] in ("kilomètres en voiture par an", "effet d’être faites ensemble")
        shown = [signed(v, unknown=UNKNOWN_SHORT) for v in row[7:]] if change else cells(row[7:], 0)
        first.append((typeset(f"{row[4][0].upper()}{row[4][1:]}"), typeset(row[5]), *shown))
    second, before = [], ""
    for row in winners.iter_rows():
        if not any(row[7:]):  # in the file; on the page, it would hide what differs
            continue
        service = typeset(scheme().short(row[1]))
        second.append(("" if service == before else service, row[3], typeset(row[4]), *cells(row[7:], 0)))
        before = service
    third = [
        (typeset(scheme().short(row[1])), named(names, "departement", row[2]), *cells(row[6:], 1))
        for row in times.iter_rows()
    ]
    untouched = (
        f"Minutes{NBSP}: pour un trajet de chaque habitant. {UNKNOWN_SHORT}{NBSP}: non connu, ou "
        "hors de la région mesurée.",
    )
    tables = [
        Table(
            "Ce que fait chaque projet",
            (Column("", 60, number=False), Column("", 30, number=False, detail=True), *values),
            tuple(first),
            notes=untouched,
        ),
        Table(
            "Qui y gagne, qui y perd",
            (
                Column("Service", 32, number=False, strong=True),
                Column("Qui", 30, number=False),
                Column("", 36, number=False),
                *values,
            ),
            tuple(second),
        ),
        Table(
            "Temps moyen jusqu’à l’implantation la plus proche (min)",
            (
                Column("Service", 32, number=False, strong=True),
                Column("Département", 48, number=False),
                Column("aujourd’hui", 18),
                *values,
            ),
            tuple(third),
        ),
    ]
    if not second:
        return [tables[0], Table("Qui y gagne, qui y perd", lead="Aucun de ces projets ne change de temps.")]
    return tables
