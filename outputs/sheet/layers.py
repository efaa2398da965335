"""The tables of a release a sheet is made from, opened lazily. Opening only: what is read of them is `content`'s."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from outputs import layout
from pipeline.foundations.errors import WrongUse

Layers = Mapping[str, pl.LazyFrame]

#: Tables that every sheet reads, by layer.
NEEDED = (
    "communes",
    "zones",
    "appartenance",
    "implantations",
    "permanences",
    "itinerances",
    "lieux",
    "offre",
    "acces",
    "tension",
    "paniers",
    "services_manquants",
    "reperes",
    "indicateurs",
)


def open_layers(folder: Path, needed: Sequence[str] = NEEDED) -> dict[str, pl.LazyFrame]:
    """The tables of the release in `folder`, by layer.

    Raises:
        WrongUse: it lacks some, being older than indicators.
    """
    absent = [name for name in needed if not layout.geoparquet(folder, name).is_file()]
    if absent:
        raise WrongUse(
            f"release {folder.name}",
            expected="a release with the indicators of territories",
            found=f"no table {', '.join(absent)}",
            remedy="make a new release with `csp build`, or give a later one with --release",
        )
    return {name: pl.scan_parquet(layout.geoparquet(folder, name)) for name in needed}
