"""The GeoPackage of a scenario: communes and cells with their times before, after and their difference, the counters
touched, in the styles of this folder. The writing is `outputs.geopackage`'s.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path

import polars as pl
import shapely

from outputs.flat import FICTIONAL
from outputs.geopackage import write_geopackage
from outputs.scenario.look import code_of, look_of
from outputs.scenario.results import EVERYBODY, Results
from outputs.sheet.layers import Layers
from quality.contract import Contract, load_contract_file

#: Its name in the folder of results.
NAME = "scenario.gpkg"
_HERE = Path(__file__).parent
_STATES = {"ouverts": "ouvert", "fermes": "fermé", "deplaces": "déplacé", "horaires_changes": "horaires changés"}


@cache
def contracts() -> dict[str, Contract]:
    """Those of the tables inside, by layer."""
    found = map(load_contract_file, sorted((_HERE / "contrats").glob("*.yml")))
    return {contract.layer: contract for contract in found}


def write_scenario_geopackage(
    results: Results, layers: Layers, path: Path, *, date_reference: datetime, said: Mapping[str, str]
) -> None:
    """Write it; the same results, the same bytes.

    Args:
        layers: `communes` of the release, with their outlines.
        date_reference: of the release.
        said: facts of the release: `licence`, `attribution`, `version`, `fictif`…
    """
    summary = results.summary
    frames, typologies = _frames(results, layers), tuple(summary.trajets_par_an)
    suffix = FICTIONAL if summary.fictif else ""
    tables = [
        (contract.model_copy(update={"title": contract.title + suffix}), frames[layer])
        for layer, contract in contracts().items()
    ]
    write_geopackage(
        tables,
        path,
        title=summary.nom + suffix,
        description=f"Ce que change le projet « {summary.nom} », évalué sur la version {summary.version_base}.",
        date_reference=date_reference,
        metadata={
            **said,
            "scenario": summary.nom,
            "empreinte_scenario": summary.empreinte_scenario,
            "version_base": summary.version_base,
            "empreinte_base": summary.empreinte_base,
            "mesure": summary.mesure,
        },
        look=look_of(typologies, results.typologies, _layers(frames, typologies)),
    )


def _layers(frames: Mapping[str, pl.DataFrame], typologies: Sequence[str]) -> set[str]:
    """Names of the layers that hold something."""
    held = set(frames)
    counters = frames["points_accueil"].select("etat", "typologie").unique()
    for typology in typologies:
        code = code_of(typology)
        held |= {f"{side}_{code}" for side in ("avant", "apres", "ecart")}
        held |= {f"{name}_{code}" for name, state in _STATES.items() if (state, typology) in counters.rows()}
        held |= {f"carreaux_{code}"} if typology in frames["carreaux"]["typologie"] else set()
    return held


def _frames(results: Results, layers: Layers) -> dict[str, pl.DataFrame]:
    """The tables in the columns of their contracts."""
    times = results.table("temps").filter(pl.col("niveau") == "commune").rename({"territoire": "code_insee"})
    moved = (
        results.table("gagnants_perdants")
        .filter(pl.col("niveau") == "commune", pl.col("groupe") == EVERYBODY)
        .select(
            pl.col("territoire").alias("code_insee"),
            "typologie",
            pl.col("gagnants").alias("rapproches"),
            pl.col("perdants").alias("eloignes"),
        )
    )
    # Where nobody moves there is no row: that nobody does is known.
    times = times.join(moved, on=["code_insee", "typologie"], how="left").with_columns(
        pl.col("rapproches", "eloignes").fill_null(0.0)
    )
    communes = layers["communes"].filter(pl.col("code").is_in(times["code_insee"].unique().implode())).collect()
    minutes = {f"temps_{side}_min": pl.col(f"temps_{side}_s") / 60 for side in ("avant", "apres")}
    cells = _placed(results.table("carreaux")).with_columns(
        *(value.round(2).alias(name) for name, value in minutes.items()),
        (pl.col("ecart_s") / 60).round(2).alias("ecart_min"),
    )
    frames = {
        "communes": communes,
        "temps": times,
        "carreaux": cells,
        "points_accueil": _placed(results.table("points_accueil")),
        "modifications": results.table("modifications").cast({"rang": pl.Int64}),
        "gagnants_perdants": results.table("gagnants_perdants"),
    }
    return {layer: frame.select(contracts()[layer].polars_schema.names()) for layer, frame in frames.items()}


def _placed(frame: pl.DataFrame) -> pl.DataFrame:
    """With a point for those that have a position."""
    placed = frame["longitude"].is_not_null().to_numpy()
    points = shapely.points(frame["longitude"].to_numpy(), frame["latitude"].to_numpy())
    wkb = [point if there else None for point, there in zip(shapely.to_wkb(points), placed, strict=True)]
    return frame.with_columns(pl.Series("geometrie", wkb, dtype=pl.Binary))
