"""What a person wants to know of a diff: counters that came and left, where, why, the cases to look at. Frames only.

Putting it in French is `notes`; the thresholds are in `notes.yml`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from assets.release.changes.compare import ADDED, CHANGED, REMOVED, RENAMED
from assets.release.changes.counters import TABLES
from assets.release.changes.edition import Edition
from assets.release.changes.rules import BETWEEN
from assets.release.changes.settings import NoteSettings, reason_settings
from pipeline.foundations.crs import epsg_expr, project

_ID = "point_accueil_id"
_COMMUNES, _DEPARTEMENTS = "territories__communes", "territories__departements"
#: Measures of access by commune: table, column, threshold in `NoteSettings`.
MEASURES = (
    ("access__distances", "distance_vol_oiseau_m", "distance_m"),
    ("access__acces_communes", "temps_moyen_min", "temps_min"),
)


@dataclass(frozen=True)
class Summary:
    """The diff `lines` between two editions, looked at from several sides."""

    before: Edition
    after: Edition
    lines: pl.DataFrame
    settings: NoteSettings

    @cached_property
    def came(self) -> pl.DataFrame:
        """Counters that were not published before, those under a new number excepted: `counters.SCHEMA`, `raison`."""
        return self._whole(ADDED, self.after, self.before)

    @cached_property
    def left(self) -> pl.DataFrame:
        """Counters that are not published any more, in the same shape."""
        return self._whole(REMOVED, self.before, self.after)

    def _whole(self, word: str, here: Edition, there: Edition) -> pl.DataFrame:
        told = self._counter_lines.filter(pl.col("changement") == word).select(
            pl.col("identifiant").alias(_ID), "raison"
        )
        # One that changed type left a table and came in another: it is in both editions.
        return here.side.counters.join(told, on=_ID).join(there.side.counters, on=_ID, how="anti")

    @cached_property
    def renamed(self) -> pl.DataFrame:
        """`avant, apres, raison` of the counters that go on under another id, or were joined to another."""
        return self._counter_lines.filter(pl.col("changement") == RENAMED).select("avant", "apres", "raison")

    @cached_property
    def _counter_lines(self) -> pl.DataFrame:
        return self.lines.filter(pl.col("table").is_in(TABLES) & pl.col("identifiant").is_not_null())

    @cached_property
    def _cells(self) -> pl.DataFrame:
        """Cells of counters that say something of them: not what follows the life of the feeds, nor the ids."""
        silent = [*reason_settings().suivi, "service_id", _ID, "lieu_id"]
        changed = self._counter_lines.filter(pl.col("changement") == CHANGED)
        return changed.filter(~pl.col("colonne").is_in(silent))

    @cached_property
    def modified(self) -> int:
        """Counters of which something changed."""
        return self._cells["identifiant"].n_unique()

    @cached_property
    def by_reason(self) -> pl.DataFrame:
        """`raison, apparus, disparus, suivis, modifies`: counters by reason; one may be modified for several."""
        parts = [
            frame.group_by("raison").agg(pl.len().alias(name))
            for name, frame in (("apparus", self.came), ("disparus", self.left), ("suivis", self.renamed))
        ]
        parts.append(self._cells.group_by("raison").agg(modifies=pl.col("identifiant").n_unique()))
        total = parts[0]
        for part in parts[1:]:
            total = total.join(part, on="raison", how="full", coalesce=True)
        counts = pl.exclude("raison").fill_null(0).cast(pl.Int64)
        return total.with_columns(counts).sort(-pl.sum_horizontal(pl.exclude("raison")), "raison")

    @cached_property
    def by_typology(self) -> pl.DataFrame:
        """`typologie, avant, apres, apparus, disparus`, those that moved most first, and only those that moved."""
        return self._by("typologie")

    @cached_property
    def by_departement(self) -> pl.DataFrame:
        """`departement, avant, apres, apparus, disparus`, in the same way."""
        return self._by("departement")

    def _by(self, name: str) -> pl.DataFrame:
        total = pl.DataFrame(schema={name: pl.String})
        for word, frame in (
            ("avant", self.before.side.counters),
            ("apres", self.after.side.counters),
            ("apparus", self.came),
            ("disparus", self.left),
        ):
            counts = frame.drop_nulls(name).group_by(name).agg(pl.len().cast(pl.Int64).alias(word))
            total = total.join(counts, on=name, how="full", coalesce=True)
        moved = pl.col("apparus") + pl.col("disparus")
        return (
            total.with_columns(pl.exclude(name).fill_null(0))
            .filter((moved > 0) | (pl.col("avant") != pl.col("apres")))
            .sort(-moved, name)
        )

    def falls(self, by: pl.DataFrame, share_pct: float) -> pl.DataFrame:
        """The rows of `by_typology` or `by_departement` that lost more than they usually do, the largest loss first."""
        lost = pl.col("avant") - pl.col("apres")
        return by.filter((lost >= self.settings.baisse_min) & (lost * 100 > share_pct * pl.col("avant"))).sort(-lost)

    @cached_property
    def _pairs(self) -> pl.DataFrame:
        """Counters that are in both editions, as they were (`…_avant`) and as they are, and the id they have now."""
        now = self.renamed.select(pl.col("avant").alias(_ID), _now="apres").unique(_ID, keep="first")
        old = self.before.side.counters.join(now, on=_ID, how="left")
        old = (
            old.with_columns(pl.coalesce("_now", _ID).alias(_ID))
            .drop("_now")
            .unique(_ID, keep="first", maintain_order=True)
        )
        return self.after.side.counters.join(old, on=_ID, suffix="_avant", maintain_order="left")

    @cached_property
    def moved(self) -> pl.DataFrame:
        """Counters that moved by more than `deplacement_m`: pairs, `metres` and `raison`, the farthest first."""
        pairs = self._pairs.drop_nulls(["longitude", "latitude", "longitude_avant", "latitude_avant"])
        pairs = pairs.filter(
            (pl.col("longitude") != pl.col("longitude_avant")) | (pl.col("latitude") != pl.col("latitude_avant"))
        ).with_columns(_epsg=epsg_expr(pl.col("departement")))
        metres = np.full(pairs.height, np.nan)
        for (epsg,), rows in pairs.with_row_index("_r").group_by("_epsg"):
            here, there = (
                project(rows[f"longitude{side}"].to_numpy(), rows[f"latitude{side}"].to_numpy(), epsg)
                for side in ("", "_avant")
            )
            metres[rows["_r"].to_numpy()] = np.hypot(here[0] - there[0], here[1] - there[1])
        far = pairs.with_columns(metres=pl.Series(metres)).filter(pl.col("metres") > self.settings.deplacement_m)
        return self._with_reason(far, ("lieu_longitude", "lieu_latitude")).sort(-pl.col("metres"), _ID)

    @cached_property
    def lost(self) -> pl.DataFrame:
        """Counters whose position is not known any more, to which no distance is measured: pairs and `raison`."""
        gone = self._pairs.filter(pl.col("longitude").is_null() & pl.col("longitude_avant").is_not_null())
        return self._with_reason(gone, ("lieu_longitude",)).sort("typologie", "departement", "commune", _ID)

    @cached_property
    def rescheduled(self) -> pl.DataFrame:
        """Counters open `horaires_h` more or less by week: pairs, `ecart` and `raison`, the largest first."""
        gap = pl.col("heures") - pl.col("heures_avant")
        pairs = self._pairs.with_columns(ecart=gap).filter(gap.abs() > self.settings.horaires_h)
        return self._with_reason(pairs, reason_settings().horaires.mesures).sort(-pl.col("ecart").abs(), _ID)

    def _with_reason(self, pairs: pl.DataFrame, columns: tuple[str, ...]) -> pl.DataFrame:
        told = self._counter_lines.filter(pl.col("colonne").is_in(columns)).unique("identifiant", keep="first")
        return pairs.join(told.select(pl.col("identifiant").alias(_ID), "raison"), on=_ID, how="left")

    @cached_property
    def last_of_their_commune(self) -> pl.DataFrame:
        """Counters that left, and after whom their commune has none of their typology; `seul`: nor of any other."""
        still = self.after.side.counters
        alone = self.left.drop_nulls("commune").join(still, on=["typologie", "commune"], how="anti")
        others = still.select("commune").unique().with_columns(_others=pl.lit(value=True))
        return (
            alone.join(others, on="commune", how="left")
            .with_columns(seul=pl.col("_others").is_null())
            .sort("typologie", "departement", "commune", _ID)
        )

    @cached_property
    def bulk(self) -> list[str]:
        """Groups of records that moved at once, as the diff says them."""
        said = self._counter_lines.filter(pl.col("changement") != CHANGED)["detail"].drop_nulls()
        return sorted(
            set(said.filter(said.str.starts_with("mouvement en bloc : ")).str.strip_prefix("mouvement en bloc : "))
        )

    def access(self, table: str, column: str, threshold: float) -> pl.DataFrame:
        """`typologie, loin, pres, habitants_loin, habitants_pres, raison`: communes farther from, or nearer to, a
        typology by more than a threshold, the people who live there, and the most frequent reason; the typologies that
        moved most first.
        """
        told = self.lines.filter((pl.col("table") == table) & (pl.col("colonne") == column) & (pl.col("lignes") == 1))
        keys = pl.col("identifiant").str.split_exact("|", 1).struct.rename_fields(["commune", "typologie"])
        gap = pl.col("apres").cast(pl.Float64) - pl.col("avant").cast(pl.Float64)
        far, near = pl.col("_gap") > threshold, pl.col("_gap") < -threshold
        people = pl.col("population")
        return (
            told.with_columns(keys.alias("_key"), _gap=gap)
            .unnest("_key")
            .filter(far | near)
            .join(self.communes.select(commune="code", population="population"), on="commune", how="left")
            .group_by("typologie")
            .agg(
                loin=far.sum(),
                pres=near.sum(),
                habitants_loin=people.filter(far).sum(),
                habitants_pres=people.filter(near).sum(),
                raison=pl.col("raison").str.split(BETWEEN).explode().mode().sort().first(),
            )
            .sort(-(pl.col("loin") + pl.col("pres")).cast(pl.Int64), "typologie")
        )

    @cached_property
    def tables(self) -> pl.DataFrame:
        """`table, ajoutées, retirées, suivies, modifiées`: rows of each table that changed."""
        rows = pl.when(pl.col("identifiant").is_null()).then("lignes").otherwise(1)
        whole = pl.col("colonne").is_null()

        def count(word: str) -> pl.Expr:
            return rows.filter(whole & (pl.col("changement") == word)).sum()

        changed = pl.col("changement") == CHANGED
        return self.lines.group_by("table", maintain_order=True).agg(
            ajoutees=count(ADDED),
            retirees=count(REMOVED),
            suivies=count(RENAMED),
            modifiees=pl.col("identifiant").filter(changed).drop_nulls().n_unique()
            + pl.col("lignes").filter(changed & pl.col("identifiant").is_null()).max().fill_null(0),
        )

    @cached_property
    def communes(self) -> pl.DataFrame:
        """`code, nom, population` of the communes of both editions, as they are now."""
        schema = {"code": pl.String(), "nom": pl.String(), "population": pl.Int64()}
        both = [edition.rows(_COMMUNES, schema) for edition in (self.after, self.before)]
        return pl.concat(both).unique("code", keep="first", maintain_order=True)

    @cached_property
    def commune_names(self) -> Mapping[str, str]:
        """Name of each commune by code."""
        return dict(self.communes.select("code", "nom").iter_rows())

    @cached_property
    def departement_names(self) -> Mapping[str, str]:
        """Name of each département by code."""
        schema = {"code": pl.String(), "nom": pl.String()}
        both = [edition.rows(_DEPARTEMENTS, schema) for edition in (self.before, self.after)]
        return dict(pl.concat(both).iter_rows())
