"""The published tables of the référentiel, in the official column names.

Only shapes the tables; values are decided in `decide`, places in `lieux`, ids in `identity`.
"""

import numpy as np
import polars as pl
import shapely

from assets.referentiel.decide import Decided
from assets.referentiel.identity import PERMANENCE_PREFIX, SERVICE_PREFIX
from pipeline.foundations import fingerprint

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
    # Beyond the official columns.
    "point_accueil_id",
    "lieu_id",
    "id_officiel",
    "sources",
    "horaires_texte",
    "horaires_qualite",
    "lieu_code_arrondissement_municipal",
    "position_methode",
    "geocodage_methode",
    "geocodage_score",
    "geocodage_date",
    "telephone",
    "courriel",
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
_HOST = (
    "service_id",
    "service_nom",
    "service_horaires_ouverture",
    "service_modalite_d_accueil",
    "service_id_dila",
    "service_id_finess",
    "service_id_bpe",
    "service_siret",
)
#: What a change of makes a counter's `derniere_modification` move.
CONTENT = (
    "type_structure",
    "service_nom",
    "service_typologie",
    "service_horaires_ouverture",
    "service_modalite_d_accueil",
    "service_siret",
    "lieu_code_insee",
    "lieu_longitude",
    "lieu_latitude",
    "lieu_adresse",
    "telephone",
    "courriel",
    "site_web",
)


def contents(counters: pl.DataFrame, group: str) -> pl.DataFrame:
    """`groupe, empreinte, typologie, code_insee`: what the registry keeps of each counter, its fingerprint first."""
    values = counters.select(group, *CONTENT)
    prints = [fingerprint.of_values(row[1:])[:16] for row in values.iter_rows()]
    return values.select(
        pl.col(group).alias("groupe"),
        pl.Series("empreinte", prints, dtype=pl.String),
        pl.col("service_typologie").alias("typologie"),
        pl.col("lieu_code_insee").alias("code_insee"),
    )


def complete(counters: pl.DataFrame, communes: pl.DataFrame) -> pl.DataFrame:
    """Decided counters with their ids -> every column the tables draw from.

    Args:
        counters: output of `decide` with `point_accueil_id` and `lieu_id`.
        communes: `code, epci`, for `lieu_code_epci`.
    """
    epci = communes.select(pl.col("code").alias("lieu_code_insee"), pl.col("epci").alias("lieu_code_epci"))
    frame = counters.join(epci, on="lieu_code_insee", how="left", maintain_order="left")
    absent = [c for c in ("lieu_id_bdtopo", "lieu_id_rnb") if c not in frame.columns]
    # A mobile service is one service at every stop: the official id says which.
    mobile = (pl.col("type_structure") == "Itinérance") & pl.col("id_officiel").str.starts_with("SERVPUBL")
    return frame.with_columns(
        *(pl.lit(None, dtype=pl.String).alias(c) for c in absent),
        _points(frame),
        pl.when(mobile).then("id_officiel").otherwise("point_accueil_id").alias("service_id"),
    )


def split(counters: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Completed counters -> `implantations`, `permanences`, `itinerances`, `lieux`, each sorted by its key."""
    of = {
        kind: counters.filter(pl.col("type_structure") == kind) for kind in ("Implantation", "Permanence", "Itinérance")
    }
    stops = of["Itinérance"].sort("service_id", "point_accueil_id")
    rank = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("service_id").alias("arret_rang")
    return {
        "implantations": of["Implantation"].select(*_SERVICE, *_PLACE, *_TAIL).sort("service_id"),
        "permanences": _permanences(of["Permanence"], of["Implantation"]),
        "itinerances": stops.with_columns(rank).select(*_SERVICE[:2], "arret_rang", *_SERVICE[2:], *_PLACE, *_TAIL),
        "lieux": _places(counters),
    }


def _permanences(permanences: pl.DataFrame, implantations: pl.DataFrame) -> pl.DataFrame:
    """Official shape of a permanence: its own columns, then those of the counter that hosts it (null when unknown)."""
    named = _hosts_named(permanences, implantations)
    unnamed = permanences.join(named, on="point_accueil_id", how="anti")
    # The host stands at the very same place; the France services or the mairie hosts before any other.
    rank = pl.col("typologie").replace_strict({"france_services": 0, "mairie": 1}, default=2, return_dtype=pl.Int64)
    there = implantations.sort(rank, "service_id").unique("lieu_id", keep="first", maintain_order=True)
    shared = unnamed.select("point_accueil_id", "lieu_id").join(there.select("lieu_id", *_HOST), on="lieu_id")
    hosts = pl.concat([named, shared.select(named.columns)])
    own = permanences.drop(c for c in _HOST if c not in _PERMANENCE).rename(_PERMANENCE)
    official = pl.col("id_officiel").str.starts_with("PERMPUBL")
    ours = pl.col("point_accueil_id").str.replace(f"^{SERVICE_PREFIX}", PERMANENCE_PREFIX)
    frame = own.with_columns(
        pl.when(official).then(pl.col("id_officiel").str.head(24)).otherwise(ours).alias("permanence_id")
    ).join(hosts, on="point_accueil_id", how="left")
    columns = ["type_structure", "permanence_id", *_PERMANENCE.values(), *_HOST, *_PLACE, *_TAIL]
    return frame.select(columns).sort("permanence_id", "point_accueil_id")


def _hosts_named(permanences: pl.DataFrame, implantations: pl.DataFrame) -> pl.DataFrame:
    """Hosts that the feed names, by the official id, the feed's own id, or the id of the directory."""
    asked = permanences.filter(pl.col("hote_id").is_not_null()).select("point_accueil_id", "hote_id")
    names = [
        implantations.select(pl.col(column).alias("hote_id"), *_HOST)
        for column in ("id_officiel", "service_id", "id_source", "service_id_dila")
    ]
    by_name = pl.concat(names).drop_nulls("hote_id").unique("hote_id", keep="first", maintain_order=True)
    return asked.join(by_name, on="hote_id").drop("hote_id")


def _places(counters: pl.DataFrame) -> pl.DataFrame:
    """One row per place: where it is and what is there. The service placed best speaks for its address."""
    rank = pl.col("typologie").replace_strict({"france_services": 0, "mairie": 1}, default=2, return_dtype=pl.Int64)
    placed_first = pl.col("lieu_longitude").is_null()
    place = ["lieu_code_insee", "lieu_code_epci", "lieu_code_departement", "lieu_longitude", "lieu_latitude"]
    return (
        counters.sort("lieu_id", placed_first, rank, "point_accueil_id")
        .group_by("lieu_id", maintain_order=True)
        .agg(
            pl.col(*place, "lieu_adresse", "geometrie").first(),
            pl.col("service_nom").first().alias("lieu_nom"),
            pl.len().cast(pl.Int64).alias("nb_services"),
            pl.col("service_typologie").unique().sort().alias("typologies"),
        )
        .select("lieu_id", "lieu_nom", "nb_services", "typologies", *place, "lieu_adresse", "geometrie")
    )


def provenance(decided: Decided, ids: pl.DataFrame) -> pl.DataFrame:
    """`point_accueil_id, champ, source, id_source, date_source`: where each published group of fields came from."""
    frame = decided.provenance.join(ids, on="groupe_id").drop("groupe_id")
    return frame.select("point_accueil_id", pl.exclude("point_accueil_id")).sort("point_accueil_id", "champ")


def conflicts(decided: Decided, ids: pl.DataFrame) -> pl.DataFrame:
    """Disagreements between feeds, both values kept."""
    frame = decided.conflicts.join(ids, on="groupe_id").drop("groupe_id")
    first = ["point_accueil_id", "champ"]
    rest = [c for c in frame.columns if c not in first]
    return frame.select(*first, *rest).sort(*first, "source_ecartee", "id_source_ecartee")


def _points(frame: pl.DataFrame) -> pl.Series:
    """WKB points of the positions, null where there is none."""
    placed = frame["lieu_longitude"].is_not_null().to_numpy()
    wkb = np.full(frame.height, None, dtype=object)
    where = frame.filter(pl.Series(placed))
    wkb[placed] = shapely.to_wkb(shapely.points(where["lieu_longitude"].to_numpy(), where["lieu_latitude"].to_numpy()))
    return pl.Series("geometrie", wkb, dtype=pl.Binary)
