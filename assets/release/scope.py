"""The part of the country a release covers: national tables cut to the départements asked for.

Counters and communes are those of the perimeter; what they point to outside it (the nearest counter across the border,
an EPCI that straddles it) stays as it is.
"""

from collections.abc import Sequence

import polars as pl

from assets.scenarios.tables import ATLAS
from assets.tension.tables import MADE as INDICATORS
from assets.tension.tables import REFERENCES
from assets.territories import context_tables as context
from assets.territories.levels import LEVELS
from pipeline.foundations.tables import TableStore

#: Tables of a release, in the order layers are listed, and how each is cut.
_BY_COUNTER = ("referentiel__implantations", "referentiel__permanences", "referentiel__itinerances")
_BY_PLACE = "referentiel__lieux"
_BY_ID = ("referentiel__provenance", "referentiel__conflits")
#: Carried whole whatever the perimeter: a release of one département must not forget the ids of the others.
_NATIONAL = ("referentiel__registre", "referentiel__ponts", REFERENCES)
_BY_DEPARTEMENT = ("access__distances", "access__acces_communes", "access__isochrones")
#: Of every level: communes of the perimeter and what they are part of; départements, régions and the country whole, for
#: there is nothing to compare a département with otherwise.
_BY_TERRITORY = {
    **dict.fromkeys((name for name in INDICATORS if name != REFERENCES), "territoire"),
    **dict.fromkeys((context.ZONES, context.CONTEXT_ZONES), "code"),
}
_WHOLE_LEVELS = ("departement", "region", "france")


def inputs(tables: TableStore, departements: Sequence[str]) -> dict[str, str]:
    """Digest of every table a release of that perimeter is made from.

    Raises:
        CspError: one of them has not been made.
    """
    names = [
        *_BY_COUNTER,
        _BY_PLACE,
        *_BY_ID,
        *_NATIONAL,
        *_BY_TERRITORY,
        *ATLAS,
        *(context.MEMBERSHIP, context.CONTEXT, context.QPV),
        "territories__communes",
        "territories__epci",
        "territories__departements",
    ]
    digests = {name: tables.content(name) for name in names}
    return digests | {f"{n}/{d}": tables.content(n, d) for n in _BY_DEPARTEMENT for d in departements}


def released_tables(tables: TableStore, departements: Sequence[str]) -> dict[str, pl.DataFrame]:
    """The frames to publish, by table name."""
    wanted = list(departements)
    frames = {name: tables.read(name).filter(pl.col("lieu_code_departement").is_in(wanted)) for name in _BY_COUNTER}
    communes = tables.read("territories__communes").filter(pl.col("departement").is_in(wanted))
    epci = tables.read("territories__epci")
    named = pl.concat([communes["epci"], *(frame["lieu_code_epci"] for frame in frames.values())]).unique()
    ids = pl.concat([frame["point_accueil_id"] for frame in frames.values()]).implode()
    departements_table = tables.read("territories__departements")
    return {
        **frames,
        _BY_PLACE: tables.read(_BY_PLACE).filter(pl.col("lieu_code_departement").is_in(wanted)),
        **{name: tables.read_all(name, wanted) for name in _BY_DEPARTEMENT},
        "territories__communes": communes,
        "territories__epci": epci.filter(pl.col("code").is_in(named.implode())),
        "territories__departements": departements_table.filter(pl.col("code").is_in(wanted)),
        **{name: tables.read(name).filter(pl.col("point_accueil_id").is_in(ids)) for name in _BY_ID},
        **{name: tables.read(name) for name in _NATIONAL},
        **{name: tables.read(name).filter(pl.col("code_departement").is_in(wanted)) for name in ATLAS},
        **{n: _of_territories(tables.read(n), tables, wanted, column) for n, column in _BY_TERRITORY.items()},
        **_of_communes(tables, communes["code"]),
    }


def _of_communes(tables: TableStore, communes: pl.Series) -> dict[str, pl.DataFrame]:
    """What is said of each commune of the perimeter, and the quartiers that touch one."""
    here = communes.implode()
    qpv = tables.read(context.QPV)
    touching = qpv.explode("communes").filter(pl.col("communes").is_in(here))["code"]
    return {
        context.MEMBERSHIP: tables.read(context.MEMBERSHIP).filter(pl.col("code").is_in(here)),
        context.CONTEXT: tables.read(context.CONTEXT).filter(pl.col("code_insee").is_in(here)),
        context.QPV: qpv.filter(pl.col("code").is_in(touching.implode())),
    }


def _of_territories(
    frame: pl.DataFrame, tables: TableStore, departements: Sequence[str], territory: str
) -> pl.DataFrame:
    """Rows of the territories that hold a commune of the perimeter, and those of the levels kept whole.

    Args:
        territory: column of the territory's code, in its `niveau`.
    """
    here = tables.read("territories__appartenance").filter(pl.col("departement").is_in(list(departements)))
    cut = {niveau: column for niveau, column in LEVELS.items() if niveau not in _WHOLE_LEVELS}
    kept = pl.concat(
        here.select(pl.lit(niveau).alias("niveau"), pl.col(column).alias(territory)).drop_nulls().unique()
        for niveau, column in cut.items()
    )
    whole = frame.filter(pl.col("niveau").is_in(_WHOLE_LEVELS))
    return pl.concat([whole, frame.join(kept, on=["niveau", territory], how="semi")]).sort(frame.columns[:4])
