"""The words of BD TOPO, of its three spellings, in the vocabulary of `sources.roads`: attributes only, no geometry.

Version 2 (2008-2018) is first told in the words of version 3, so that whoever comes after knows one list of natures.
Files and geometries belong to the other modules.
"""

from collections.abc import Mapping

import polars as pl

from sources.bdtopo.account import Account
from sources.roads import SEGMENT_SCHEMA

FERRY = "Bac ou liaison maritime"
#: Natures of version 3 that cars may take, and those that they may not whatever else is said.
DRIVABLE = (
    "Type autoroutier",
    "Bretelle",
    "Route à 1 chaussée",
    "Route à 2 chaussées",
    "Rond-point",
    "Route empierrée",
    FERRY,
)
NOT_DRIVABLE = ("Chemin", "Sentier", "Escalier", "Piste cyclable")
IN_SERVICE = "En service"
_STATES = {s: s == IN_SERVICE for s in (IN_SERVICE, "En construction", "En projet", "Non exploité", "En ruine")}
_DIRECTIONS = {"Sens direct": 1, "Sens inverse": -1, "Double sens": 0, "Sans objet": 0}
_CAR_ACCESS = {
    "Libre": "libre",
    "A péage": "péage",
    "À péage": "péage",
    "Restreint aux ayants droit": "restreint",
    "Physiquement impossible": "impossible",
}
_FOOT_ACCESS = {
    "Libre": True,
    "A péage": True,
    "À péage": True,
    "Restreint aux ayants droit": False,
    "Physiquement impossible": False,
}
_TRUTHS = {
    word: truth for truth, words in ((True, ("true", "1", "oui")), (False, ("false", "0", "non"))) for word in words
}
_IMPORTANCES = {str(i): i for i in range(1, 7)}
_LEVELS = {**{str(i): i for i in range(-9, 10)}, "Gué ou radier": 0}
_COMMUNE = r"^(?:\d{2}|2[AB])\d{3}$"
_FASTEST = 150  # km/h; IGN's own highest mean speed is 125

#: Column names of version 3 cut to the ten characters of a shapefile -> whole names.
_SHAPEFILE_NAMES = {
    "ID": "cleabs",
    "NATURE": "nature",
    "IMPORTANCE": "importance",
    "FICTIF": "fictif",
    "POS_SOL": "position_par_rapport_au_sol",
    "ETAT": "etat_de_l_objet",
    "PRIVE": "prive",
    "SENS": "sens_de_circulation",
    "URBAIN": "urbain",
    "VIT_MOY_VL": "vitesse_moyenne_vl",
    "ACCES_VL": "acces_vehicule_leger",
    "ACCES_PED": "acces_pieton",
    "INSEECOM_G": "insee_commune_gauche",
    "INSEECOM_D": "insee_commune_droite",
}
_V2_UNKNOWN = ("NR", "NC", "")  # not told, not concerned
_V2_NATURES = {
    "Autoroute": "Type autoroutier",
    "Quasi-autoroute": "Type autoroutier",
    "Bac auto": FERRY,
    "Bac piéton": FERRY,
}
_V2_DIRECTIONS = {"Direct": "Sens direct", "Inverse": "Sens inverse", "Double": "Double sens"}


def attributes(features: pl.DataFrame, generation: str, account: Account) -> pl.DataFrame:
    """The attributes of n features as n rows in `SEGMENT_SCHEMA`; what is not understood is counted in `account`.

    Args:
        features: the columns of the file, under the names of the declaration.
        generation: key of `columns` in the declaration: `v3`, `v3_shp`, `v2`, `v2_chemin`.
    """
    frame = features.rename({k: v for k, v in _SHAPEFILE_NAMES.items() if k in features.columns})
    told = _Told(frame if generation.startswith("v3") else _as_version_3(frame), account)
    nature = told.text("nature")
    account.note("nature-absente", "nature", told.ids.filter(nature.is_null()))
    odd = nature.is_not_null() & ~nature.is_in((*DRIVABLE, *NOT_DRIVABLE))
    account.note("nature-inconnue", "nature", told.ids.filter(odd), nature.filter(odd))
    access = told.word("acces_vehicule_leger", _CAR_ACCESS, pl.String())
    service = told.word("etat_de_l_objet", _STATES, pl.Boolean()).fill_null(False)
    importance = told.word("importance", _IMPORTANCES, pl.Int8())
    columns = {
        "id": told.ids,
        "nature": nature,
        "importance": importance,
        "sens": told.word("sens_de_circulation", _DIRECTIONS, pl.Int8()).fill_null(0),
        "vitesse_kmh": _speed(told, nature, importance, access, service),
        "acces_voiture": access,
        "acces_pieton": told.word("acces_pieton", _FOOT_ACCESS, pl.Boolean()),
        "urbain": told.truth("urbain"),
        "prive": told.truth("prive"),
        "en_service": service,
        "fictif": told.truth("fictif"),
        "bac": nature.eq(FERRY).fill_null(False),
        "niveau": told.word("position_par_rapport_au_sol", _LEVELS, pl.Int8()),
        "commune_gauche": told.commune("insee_commune_gauche"),
        "commune_droite": told.commune("insee_commune_droite"),
    }
    given = pl.DataFrame(columns)
    return given.select(
        (pl.col(name) if name in columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in SEGMENT_SCHEMA.items()
    )


class _Told:
    """The columns of version 3, read word by word; a column the file has not is all null."""

    def __init__(self, frame: pl.DataFrame, account: Account) -> None:
        self.frame, self.account = frame, account
        self.ids = self.text("cleabs")

    def has(self, column: str) -> bool:
        return column in self.frame.columns

    def text(self, column: str) -> pl.Series:
        """The words of a column, trimmed; empty is null."""
        if not self.has(column):
            return pl.Series(column, [None] * self.frame.height, dtype=pl.String)
        words = self.frame[column].cast(pl.String).str.strip_chars()
        return words.replace("", None)

    def word(self, column: str, table: Mapping[str, object], dtype: pl.DataType) -> pl.Series:
        """The words of a column through a closed list; others are null, and counted."""
        words = self.text(column)
        self._count_unknown(column, words, words.is_in(list(table)))
        return words.replace_strict(table, default=None, return_dtype=dtype)

    def truth(self, column: str) -> pl.Series:
        """Yes or no, whatever the spelling."""
        words = self.text(column).str.to_lowercase()
        self._count_unknown(column, words, words.is_in(list(_TRUTHS)))
        return words.replace_strict(_TRUTHS, default=None, return_dtype=pl.Boolean())

    def commune(self, column: str) -> pl.Series:
        words = self.text(column)
        fits = words.str.contains(_COMMUNE)
        self._count_unknown(column, words, fits)
        return words.set(~fits.fill_null(False), None)

    def _count_unknown(self, column: str, words: pl.Series, known: pl.Series) -> None:
        odd = words.is_not_null() & ~known.fill_null(False)
        self.account.note("valeur-inconnue", column, self.ids.filter(odd), words.filter(odd))


def _speed(told: _Told, nature: pl.Series, importance: pl.Series, access: pl.Series, service: pl.Series) -> pl.Series:
    """Mean speed in km/h: 0 where IGN says that no car drives, null where it is unknown.

    For IGN, 0, 1 and null all mean "not drivable": it gives them to paths, to what is not in service, to what is
    closed or reserved to some, and to importance 6 or none. Elsewhere, on a road open to all, they would contradict the
    other columns: the speed is then unknown, and counted. Version 2 gives no speed at all.
    """
    column = "vitesse_moyenne_vl"
    if not told.has(column):
        return pl.Series(column, [None] * told.frame.height, dtype=pl.Float32)
    raw = told.text(column)
    speed = raw.cast(pl.Float32, strict=False)
    absurd = raw.is_not_null() & ~speed.is_between(0, _FASTEST).fill_null(False)
    told.account.note("vitesse-absurde", column, told.ids.filter(absurd), raw.filter(absurd))
    open_to_all = (
        nature.is_in(DRIVABLE).fill_null(False)
        & access.is_in(["libre", "péage"]).fill_null(False)
        & importance.is_between(1, 5).fill_null(False)
        & service
    )
    none = raw.is_null() | (speed.is_between(0, 1).fill_null(False) & ~absurd)
    told.account.note("vitesse-absente", column, told.ids.filter(open_to_all & raw.is_null()))
    zero = open_to_all & none & raw.is_not_null()
    told.account.note("vitesse-nulle", column, told.ids.filter(zero), raw.filter(zero))
    return speed.set(absurd | (none & open_to_all), None).set(none & ~open_to_all, 0.0)


def _as_version_3(frame: pl.DataFrame) -> pl.DataFrame:
    """Version 2 in the words of version 3; a ferry is told by the nature or by what the road crosses.

    Version 2 does not say what is urban. A segment that bears the name of a street is taken for it: without IGN's few
    seconds per urban segment, its towns would be crossed at twice the speed of version 3.
    """
    told = frame.with_columns(
        pl.col(name).str.strip_chars().replace(dict.fromkeys(_V2_UNKNOWN))
        for name, dtype in frame.schema.items()
        if dtype == pl.String
    )
    nature = pl.col("nature").replace(_V2_NATURES)
    if "FRANCHISST" in told.columns:
        nature = (
            pl.when(pl.col("FRANCHISST").str.starts_with("Bac").fill_null(False)).then(pl.lit(FERRY)).otherwise(nature)
        )
    changes = [
        nature.alias("nature"),
        # A ferry of pedestrians is no longer told from the others by its nature.
        pl.when(pl.col("nature") == "Bac piéton").then(pl.lit("Physiquement impossible")).alias("acces_vehicule_leger"),
        (pl.col("etat_de_l_objet") if "etat_de_l_objet" in told.columns else pl.lit(None, pl.String))
        .fill_null(IN_SERVICE)
        .alias("etat_de_l_objet"),
    ]
    if "sens_de_circulation" in told.columns:
        changes.append(pl.col("sens_de_circulation").replace(_V2_DIRECTIONS))
    if streets := [name for name in ("NOM_RUE_G", "NOM_RUE_D") if name in told.columns]:
        named = pl.any_horizontal(pl.col(name).is_not_null() for name in streets)
        changes.append(pl.when(named).then(pl.lit("oui")).otherwise(pl.lit("non")).alias("urbain"))
    return told.with_columns(changes)
