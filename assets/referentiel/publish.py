"""The three published tables — implantations, permanences, itinérances — in the official column names.

Only shapes the tables; values are decided in `decide`, ids given in `identity`.
"""

import numpy as np
import polars as pl
import shapely

from assets.referentiel.identity import PERMANENCE_PREFIX, mint

_SERVICE = (
    "type_structure",
    "service_id",
    "service_nom",
    "service_thematique",
    "service_typologie",
    "service_horaires_ouverture",
    "service_nb_heures_hebdo",
    "service_categorie_niveau_d_ouverture",
    "service_modalite_d_accueil",
    "service_id_dila",
    "service_id_finess",
    "service_id_bpe",
    "service_siret",
)
_PLACE = (
    "lieu_code_insee",
    "lieu_code_epci",
    "lieu_code_departement",
    "lieu_longitude",
    "lieu_latitude",
    "lieu_adresse",
    "lieu_id_ban",
    "lieu_id_bdtopo",
    "lieu_id_rnb",
)
_TAIL = (
    "date_maj",
    "source_semantique",
    "sources",
    "horaires_texte",
    "horaires_qualite",
    "telephone",
    "site_web",
    "geometrie",
)
_PERMANENCE = {
    "service_nom": "permanence_nom",
    "service_thematique": "permanence_thematique",
    "service_typologie": "permanence_typologie",
    "service_horaires_ouverture": "permanence_horaires",
    "service_nb_heures_hebdo": "permanence_nb_heures_hebdo",
    "service_modalite_d_accueil": "permanence_modalite_d_accueil",
    "service_id_dila": "permanence_id_dila",
    "service_siret": "permanence_siret",
}


def split(counters: pl.DataFrame, communes: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Decided counters -> `implantations`, `permanences`, `itinerances`, each sorted by its key.

    Args:
        counters: output of `decide` with `service_id`.
        communes: `code, epci`, for `lieu_code_epci`.
    """
    absent = ["service_id_finess", "service_id_bpe", "lieu_id_ban", "lieu_id_bdtopo", "lieu_id_rnb"]
    frame = counters.join(
        communes.select(pl.col("code").alias("lieu_code_insee"), pl.col("epci").alias("lieu_code_epci")),
        on="lieu_code_insee",
        how="left",
    ).with_columns(pl.lit(None, dtype=pl.String).alias(c) for c in absent if c not in counters.columns)
    frame = frame.with_columns(_points(frame), pl.col("type_structure").fill_null("Implantation"))
    of = {kind: frame.filter(pl.col("type_structure") == kind) for kind in ("Implantation", "Permanence", "Itinérance")}
    columns = [*_SERVICE, *_PLACE, *_TAIL]
    return {
        "implantations": of["Implantation"].select(columns).sort("service_id"),
        "permanences": _permanences(of["Permanence"], of["Implantation"]),
        "itinerances": of["Itinérance"]
        .with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("service_id").alias("arret_rang"))
        .select([*_SERVICE[:2], "arret_rang", *_SERVICE[2:], *_PLACE, *_TAIL])
        .sort("service_id", "arret_rang"),
    }


def _permanences(permanences: pl.DataFrame, implantations: pl.DataFrame) -> pl.DataFrame:
    """Official shape of a permanence: its own columns, then those of the counter that hosts it (null when unknown)."""
    ids = [mint(PERMANENCE_PREFIX, service_id) for service_id in permanences["service_id"]]
    # The host stands at the very same point (feeds geocode the permanence at its host); the mairie hosts first.
    point = [pl.col("lieu_longitude").round(4).alias("_x"), pl.col("lieu_latitude").round(4).alias("_y")]
    host_columns = ["service_id", "service_nom", "service_horaires_ouverture", "service_modalite_d_accueil"]
    host_columns += ["service_id_dila", "service_id_finess", "service_id_bpe", "service_siret"]
    hosts = (
        implantations.filter(pl.col("lieu_longitude").is_not_null())
        .with_columns(
            *point, pl.col("typologie").replace_strict({"mairie": 0, "france_services": 1}, default=2).alias("_first")
        )
        .sort("_first", "service_id")
        .unique(["lieu_code_insee", "_x", "_y"], keep="first", maintain_order=True)
        .select("lieu_code_insee", "_x", "_y", *host_columns)
    )
    own = permanences.drop(c for c in host_columns if c in permanences.columns and c not in _PERMANENCE).rename(
        _PERMANENCE
    )
    frame = own.with_columns(pl.Series("permanence_id", ids, dtype=pl.String), *point).join(
        hosts, on=["lieu_code_insee", "_x", "_y"], how="left"
    )
    order = ["type_structure", "permanence_id", *_PERMANENCE.values(), *host_columns, *_PLACE, *_TAIL]
    return frame.select(order).sort("permanence_id")


def _points(frame: pl.DataFrame) -> pl.Series:
    """WKB points of the positions, null where there is none."""
    placed = frame["lieu_longitude"].is_not_null().to_numpy()
    wkb = np.full(frame.height, None, dtype=object)
    where = frame.filter(pl.Series(placed))
    wkb[placed] = shapely.to_wkb(shapely.points(where["lieu_longitude"].to_numpy(), where["lieu_latitude"].to_numpy()))
    return pl.Series("geometrie", wkb, dtype=pl.Binary)
