"""Which territory is asked for: by its code or its name, and its level where several share it.

Codes of different levels collide (93 is a département and a région; a bassin de vie bears the code of a commune): what
is ambiguous is refused with the list, never guessed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl
from rapidfuzz import fuzz, process

from outputs.sheet.layers import Layers
from pipeline.foundations import text
from pipeline.foundations.codes import departement_of_commune, is_commune_code
from pipeline.foundations.errors import WrongUse

COMMUNE, COUNTRY = "commune", "france"


@dataclass(frozen=True)
class Level:
    """What a level is called, and the column of `appartenance` that names its territories."""

    one: str
    many: str
    column: str
    #: Found only when its level is given: its codes and names are those of communes.
    apart: bool = False


LEVELS: Mapping[str, Level] = {
    COMMUNE: Level("commune", "communes", "code"),
    "epci": Level("intercommunalité", "intercommunalités", "epci"),
    "departement": Level("département", "départements", "departement"),
    "region": Level("région", "régions", "region"),
    "arrondissement": Level("arrondissement", "arrondissements", "arrondissement", apart=True),
    "bassin_vie": Level("bassin de vie", "bassins de vie", "bassin_vie", apart=True),
}
_LISTED, _NEAR = 12, 5
_SHORTEST_COMMUNE = 4  # characters: the code of a commune, its zero lost; shorter ones are of larger territories


@dataclass(frozen=True)
class Territory:
    """A territory of a release. `communes` counts all of its communes, in the release or not."""

    niveau: str
    code: str
    nom: str
    communes: int

    @property
    def level(self) -> Level:
        """What its level is called."""
        return LEVELS[self.niveau]


def find(layers: Layers, asked: str, niveau: str | None, perimeter: Sequence[str]) -> Territory:
    """The territory of that code or name.

    Args:
        asked: a code (`05`, `200067445`, `05023`) or a name, accents and case aside.
        niveau: one of `LEVELS`; None looks in all but those apart.
        perimeter: codes of the départements of the release.

    Raises:
        WrongUse: none, several, or one outside the release; the nearest ones, or the several, are listed.
    """
    known = _known(layers)
    if niveau is None:
        known = known.filter(pl.col("niveau").is_in([name for name, level in LEVELS.items() if not level.apart]))
    else:
        known = known.filter(pl.col("niveau") == niveau)
    code, name = asked.strip().upper(), text.key(asked)
    found = known.filter(pl.col("code") == code)
    if found.is_empty() and name:
        found = known.filter(pl.col("cle") == name)
    if found.height == 1:
        row = found.row(0, named=True)
        return Territory(row["niveau"], row["code"], row["nom"], row["communes"])
    if found.height:
        raise WrongUse(
            f"territory {asked!r}",
            expected="one territory",
            found=f"{found.height}: {_list(found)}",
            remedy="give its code, or its level with --niveau",
        )
    outside = _outside(layers, code, niveau, perimeter)
    if outside:
        shown = ", ".join(perimeter[:_LISTED]) + ("…" if len(perimeter) > _LISTED else "")
        raise WrongUse(
            f"territory {asked!r}",
            expected=f"a territory of the release, which covers {len(perimeter)} départements: {shown}",
            found=f"{outside}, outside them",
            remedy="make a release that covers it, with `csp build --departements`",
        )
    near = _nearest(known, code, name)
    raise WrongUse(
        f"territory {asked!r}",
        expected="the code or the name of a territory of the release" + (f", of level {niveau}" if niveau else ""),
        found=f"none; the nearest are {_list(near)}" if near.height else "none",
        remedy="give one of them, or another level with --niveau" if near.height else "check it, with its leading zero",
    )


def _known(layers: Layers) -> pl.DataFrame:
    """`niveau, code, nom, communes, cle` of every territory of the release."""
    columns = ("niveau", "code", "nom", pl.col("communes").cast(pl.Int64))
    supra = layers["zones"].filter(pl.col("niveau") != COUNTRY).select(*columns).collect()
    communes = layers["communes"].select("code", "nom").collect()
    both = pl.concat(
        [communes.select(pl.lit(COMMUNE).alias("niveau"), "code", "nom", pl.lit(1, pl.Int64).alias("communes")), supra]
    )
    named = both.with_columns(pl.col("nom").fill_null(pl.col("code")))
    return named.with_columns(pl.Series("cle", [text.key(name) for name in named["nom"]], dtype=pl.String))


def _outside(layers: Layers, code: str, niveau: str | None, perimeter: Sequence[str]) -> str:
    """What the code is the code of, outside the perimeter; empty when the release cannot tell.

    Départements and régions are all there, to compare with; a commune says its département.
    """
    of_all = layers["offre"].filter(pl.col("niveau").is_in(["departement", "region"]))
    all_codes = of_all.select("niveau", "territoire").unique().sort("niveau", "territoire").collect()
    levels = all_codes.filter(pl.col("territoire") == code, pl.col("niveau").eq(niveau) if niveau else True)["niveau"]
    if levels.len():
        return f"the {' and the '.join(LEVELS[name].one for name in levels)} {code}"
    if niveau in (None, COMMUNE) and is_commune_code(code):
        own = pl.select(departement_of_commune(pl.lit(code))).item()
        if own not in perimeter and own in all_codes.filter(pl.col("niveau") == "departement")["territoire"]:
            return f"a commune of département {own}"
    return ""


def _nearest(known: pl.DataFrame, code: str, name: str) -> pl.DataFrame:
    """What may have been meant: the code and its lost zero, a name that holds the words, or resembles them."""
    if code.isdigit() and len(code) < _SHORTEST_COMMUNE:
        lost = known.filter(pl.col("code") == f"0{code}")
        return lost if lost.height else known.filter(pl.col("niveau") == "departement")
    if not name:
        return known.clear()
    column, wanted = ("code", code) if code[:1].isdigit() else ("cle", name)
    text_of = pl.col(column).str
    holding = known.filter(text_of.starts_with(wanted) | text_of.contains(f" {wanted}", literal=True)).head(_NEAR)
    best = process.extract(wanted, known[column].to_list(), scorer=fuzz.ratio, limit=_NEAR, score_cutoff=70)
    alike = known[[position for _, _, position in best]]
    return pl.concat([holding, alike]).unique(maintain_order=True)


def _list(territories: pl.DataFrame) -> str:
    rows = territories.head(_LISTED).select("nom", "code", "niveau").iter_rows()
    told = [f"{name} ({code}, {LEVELS[level].one}: --niveau {level})" for name, code, level in rows]
    more = territories.height - len(told)
    return "; ".join([*told, *([f"and {more} more"] if more > 0 else [])])
