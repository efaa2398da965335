"""Road segments as every road source gives them: attributes in one frame, vertices in arrays beside it.

Road files are too large for one frame: a reader yields batches. What a segment allows, and how fast, is judged by the
profiles of `assets.access.network`; here is only what the producer says, in one vocabulary.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from pipeline.foundations.errors import SourceUnreadable

#: One row per segment.
#:
#: - `nature`: the producer's own word (`Route à 1 chaussée`, `residential`…): profiles list both vocabularies.
#: - `importance`: 1 (national) to 6 (paths); null where the producer has none.
#: - `sens`: 1 open to vehicles in the direction of drawing only, -1 in the opposite one only, 0 both (also when the
#:   producer does not say); `sens_velo` likewise for bicycles where it differs, else null. Pedestrians go both ways.
#: - `vitesse_kmh`: mean speed given by the producer (legal speed for OSM `maxspeed`); null when it gives none;
#:   0 when it says that no car drives there.
#: - `acces_voiture`: `libre`, `péage`, `restreint` (rights holders only), `impossible`.
#: - `acces_pieton`, `acces_velo`: false where forbidden, true where explicitly allowed, null where the nature decides.
#: - `niveau`: position above (>0) or below (<0) the ground; null when unknown.
#: - `commune_gauche`, `commune_droite`: Insee codes on each side (municipal districts in Paris, Lyon, Marseille).
#: - `noeud_debut`, `noeud_fin`: the producer's node identifiers when it has them (OSM): topology is then given, not
#:   inferred from coordinates.
#: - `bac`: a ferry crossing; `duree_s` its duration when the producer gives one.
SEGMENT_SCHEMA = pl.Schema(
    {
        "id": pl.String(),
        "nature": pl.String(),
        "importance": pl.Int8(),
        "sens": pl.Int8(),
        "sens_velo": pl.Int8(),
        "vitesse_kmh": pl.Float32(),
        "acces_voiture": pl.String(),
        "acces_pieton": pl.Boolean(),
        "acces_velo": pl.Boolean(),
        "urbain": pl.Boolean(),
        "prive": pl.Boolean(),
        "en_service": pl.Boolean(),
        "fictif": pl.Boolean(),
        "bac": pl.Boolean(),
        "duree_s": pl.Float32(),
        "niveau": pl.Int8(),
        "commune_gauche": pl.String(),
        "commune_droite": pl.String(),
        "noeud_debut": pl.Int64(),
        "noeud_fin": pl.Int64(),
    }
)
CAR_ACCESS = ("libre", "péage", "restreint", "impossible")

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SegmentBatch:
    """Some segments of one road file.

    Attributes:
        frame: n rows in `SEGMENT_SCHEMA`.
        xy: (m, 2) vertices in the projected system `epsg` (metres), segment after segment.
        z: (m,) altitude of each vertex in metres; NaN where unknown.
        offsets: (n + 1,) segment i has the vertices `offsets[i]:offsets[i + 1]`, at least two.
        epsg: a projected system of `pipeline.foundations.crs`.
    """

    frame: pl.DataFrame
    xy: Floats
    z: Floats
    offsets: Ints
    epsg: int

    def __post_init__(self) -> None:
        n, m = self.frame.height, len(self.xy)
        shaped = self.xy.shape == (m, 2) and self.z.shape == (m,) and self.offsets.shape == (n + 1,)
        whole = shaped and self.offsets[0] == 0 and self.offsets[-1] == m and bool((np.diff(self.offsets) >= 2).all())
        if self.frame.schema != SEGMENT_SCHEMA or not whole:
            raise SourceUnreadable(
                "batch of road segments",
                expected="a frame in SEGMENT_SCHEMA and at least two vertices per segment",
                found=f"{n} rows, {m} vertices, columns {self.frame.columns}",
                remedy="mend the reader of this road source",
            )


#: What a road reader's `segments` returns.
Batches = Iterator[SegmentBatch]
