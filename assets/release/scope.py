"""The part of the country a release covers: national tables cut to the départements asked for.

Counters and communes are those of the perimeter; what they point to outside it (the nearest counter across the border,
an EPCI that straddles it) stays as it is.
"""

from collections.abc import Sequence

import polars as pl

from pipeline.foundations.tables import TableStore

#: Tables of a release, in the order layers are listed, and how each is cut.
_BY_COUNTER = ("referentiel__implantations", "referentiel__permanences", "referentiel__itinerances")
_BY_PLACE = "referentiel__lieux"
_BY_ID = ("referentiel__provenance", "referentiel__conflits")
#: Carried whole whatever the perimeter: a release of one département must not forget the ids of the others.
_NATIONAL = ("referentiel__registre", "referentiel__ponts")
_BY_DEPARTEMENT = ("access__distances", "access__acces_communes", "access__isochrones")


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
    }
