"""The part of the country a release covers: national tables cut to the départements asked for.

Counters and communes are those of the perimeter; what they point to outside it (the nearest counter across the border,
an EPCI that straddles it) stays as it is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

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
_KEPT = "dans le périmètre"
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


@dataclass(frozen=True)
class Released(Mapping[str, pl.DataFrame]):
    """The tables of a release by name, in the order layers are listed; each is read when asked for, and not kept.

    A country has tables of ten million rows: what goes through all of them must hold one at a time.
    """

    readers: Mapping[str, Callable[[], pl.DataFrame]]

    def __getitem__(self, name: str) -> pl.DataFrame:
        return self.readers[name]()

    def __contains__(self, name: object) -> bool:
        return name in self.readers  # that of Mapping would read the table to know

    def __iter__(self) -> Iterator[str]:
        return iter(self.readers)

    def __len__(self) -> int:
        return len(self.readers)


def released_tables(tables: TableStore, departements: Sequence[str]) -> Released:
    """The tables to publish."""
    wanted = list(departements)
    communes, touching, territories = _perimeter(tables, wanted)
    ids, epci = _named(tables, wanted)

    def cut(name: str, column: str, kept: Sequence[str] | pl.Series) -> tuple[str, Callable[[], pl.DataFrame]]:
        values = pl.Series(column, kept, dtype=pl.String)
        return name, lambda: tables.scan(name).filter(pl.col(column).is_in(values.implode())).collect()

    def stacked(name: str) -> tuple[str, Callable[[], pl.DataFrame]]:
        return name, lambda: tables.read_all(name, wanted)

    def whole(name: str) -> tuple[str, Callable[[], pl.DataFrame]]:
        return name, lambda: tables.read(name)

    def of_territories(name: str, column: str) -> tuple[str, Callable[[], pl.DataFrame]]:
        # Rows stay in the order of the key, in which tables are stored: sorting a long one would hold it twice.
        kept = territories.lazy().rename({"territoire": column}).with_columns(pl.lit(value=True).alias(_KEPT))
        here = pl.col("niveau").is_in(_WHOLE_LEVELS) | pl.col(_KEPT)
        return (
            name,
            lambda: (
                tables.scan(name)
                .join(kept, on=["niveau", column], how="left", maintain_order="left")
                .filter(here)
                .drop(_KEPT)
                .collect()
            ),
        )

    return Released(
        dict(
            [
                *(cut(name, "lieu_code_departement", wanted) for name in (*_BY_COUNTER, _BY_PLACE)),
                *(stacked(name) for name in _BY_DEPARTEMENT),
                cut("territories__communes", "departement", wanted),
                cut("territories__epci", "code", pl.concat([communes["epci"], epci]).unique()),
                cut("territories__departements", "code", wanted),
                *(cut(name, "point_accueil_id", ids) for name in _BY_ID),
                *(whole(name) for name in _NATIONAL),
                *(cut(name, "code_departement", wanted) for name in ATLAS),
                *(of_territories(name, column) for name, column in _BY_TERRITORY.items()),
                cut(context.MEMBERSHIP, "code", communes["code"]),
                cut(context.CONTEXT, "code_insee", communes["code"]),
                cut(context.QPV, "code", touching),
            ]
        )
    )


def _perimeter(tables: TableStore, departements: Sequence[str]) -> tuple[pl.DataFrame, pl.Series, pl.DataFrame]:
    """Communes (`code, epci`); quartiers that touch one; `niveau, territoire` of what holds one, whole levels apart."""
    mine = pl.col("departement").is_in(list(departements))
    communes = tables.scan("territories__communes").filter(mine).select("code", "epci").collect()
    here = communes["code"].implode()
    touching = tables.read(context.QPV).explode("communes").filter(pl.col("communes").is_in(here))["code"].unique()
    membership = tables.read(context.MEMBERSHIP).filter(mine)
    territories = pl.concat(
        membership.select(pl.lit(niveau).alias("niveau"), pl.col(column).alias("territoire")).drop_nulls().unique()
        for niveau, column in LEVELS.items()
        if niveau not in _WHOLE_LEVELS
    )
    return communes, touching, territories


def _named(tables: TableStore, departements: Sequence[str]) -> tuple[pl.Series, pl.Series]:
    """Ids of the counters of the perimeter, and the EPCI they are in."""
    columns = ("point_accueil_id", "lieu_code_epci")
    mine = pl.col("lieu_code_departement").is_in(list(departements))
    counters = pl.concat(tables.scan(name).filter(mine).select(columns) for name in _BY_COUNTER).collect()
    return counters["point_accueil_id"], counters["lieu_code_epci"]
