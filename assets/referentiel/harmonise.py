"""Feed records -> `constats`: what each feed says of each counter, in one vocabulary.

One row per record and published typology. Linking the rows of one counter is `link`, choosing between them `decide`.
"""

import polars as pl

from assets.referentiel.hours import harmonise_hours
from assets.referentiel.place import Gazetteer, locate
from assets.referentiel.typology import TypologyTable
from pipeline.foundations.codes import valid_siret
from pipeline.foundations.issues import IssueLog

#: Columns of a constat, beyond those `locate` and `harmonise_hours` add.
_PERMANENCE = r"(?i)\bpermanences?\b"
_MOBILE = r"(?i)\b(?:bus|camion|mobile|itin[ée]rante?s?)\b"

CONSTAT_COLUMNS = (
    "source",
    "id_source",
    "typologie",
    "rang_source",
    "type_structure",
    "service_nom",
    "service_typologie",
    "service_thematique",
    "service_horaires_ouverture",
    "service_nb_heures_hebdo",
    "service_categorie_niveau_d_ouverture",
    "service_modalite_d_accueil",
    "horaires_texte",
    "horaires_qualite",
    "id_officiel",
    "service_id_dila",
    "service_id_finess",
    "service_id_bpe",
    "service_siret",
    "lieu_code_insee",
    "lieu_code_arrondissement_municipal",
    "lieu_code_departement",
    "lieu_longitude",
    "lieu_latitude",
    "lieu_adresse",
    "lieu_id_ban",
    "cle_adresse",
    "commune_methode",
    "position_methode",
    "geocodage_methode",
    "geocodage_score",
    "geocodage_date",
    "geocodage_longitude",
    "geocodage_latitude",
    "telephone",
    "courriel",
    "site_web",
    "hote_id",
    "hote_nom",
    "ancien_id",
    "partenaire",
    "partenaire_id",
    "groupe",
    "rang",
    "date_maj",
    "date_source",
)


def harmonise(
    source: str,
    nomenclature: str,
    records: pl.DataFrame,
    *,
    typologies: TypologyTable,
    gazetteer: Gazetteer,
    date_source: pl.Expr,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One feed's records -> its constats and the issues met.

    Args:
        source: the feed's id.
        nomenclature: key of its type codes in the typology file.
        records: frame in `sources.record.RECORD_SCHEMA`.
        date_source: the date to give to a record that does not say when it was touched (the snapshot's).

    Returns:
        (constats in `CONSTAT_COLUMNS`, issues). Records of typologies we do not publish are left out without an
        issue: `count_types` counts them by code.
    """
    issues = IssueLog(source)
    lookup = typologies.frame().filter(pl.col("nomenclature") == nomenclature)
    typed = (
        records.explode("codes_type")
        .join(
            lookup.select(
                pl.col("code_type").alias("codes_type"),
                "typologie",
                pl.col("libelle").alias("service_typologie"),
                pl.col("thematique").alias("service_thematique"),
                pl.col("rang").alias("rang_source"),
            ),
            on="codes_type",
            how="inner",
        )
        # A record of two codes of one typology (prefecture, prefecture_region) is one counter.
        .unique(["id_source", "typologie"], keep="first", maintain_order=True)
    )
    halls = typed.filter(pl.col("typologie") == "mairie")["id_source"].implode()
    kept = records.filter(pl.col("id_source").is_in(typed["id_source"].implode()))
    located = locate(kept.with_columns(pl.col("id_source").is_in(halls).alias("mairie")), gazetteer, issues)
    places = located.select(
        "id_source",
        "lieu_code_insee",
        "lieu_code_arrondissement_municipal",
        "lieu_code_departement",
        "commune_methode",
        "lieu_longitude",
        "lieu_latitude",
        "cle_adresse",
        "position_methode",
        "geocodage_methode",
        "geocodage_score",
        "geocodage_date",
        "geocodage_longitude",
        "geocodage_latitude",
    )
    frame = harmonise_hours(typed.join(places, on="id_source", how="inner")).filter(
        pl.col("lieu_code_insee").is_not_null()
    )
    _log_illegible_hours(frame, issues)
    siret = pl.col("siret").map_elements(valid_siret, return_dtype=pl.String)
    frame = frame.with_columns(
        pl.lit(source).alias("source"),
        pl.col("nom").fill_null(pl.col("service_typologie")).alias("service_nom"),
        siret.alias("service_siret"),
        _type_structure(),
        _address().alias("lieu_adresse"),
        _prefixed("DILA", "id_dila"),
        _prefixed("FINESS", "id_finess"),
        _prefixed("BPE", "id_bpe"),
        pl.col("id_ban").alias("lieu_id_ban"),
        pl.coalesce("modalite", "service_modalite_d_accueil").alias("service_modalite_d_accueil"),
        pl.coalesce("date_maj", date_source).alias("date_source"),
    )
    issues.add_rows(
        frame.filter(pl.col("siret").is_not_null() & pl.col("service_siret").is_null()),
        record="id_source",
        column="siret",
        rule="siret-invalide",
        reason="Ce n’est pas un SIRET valide (14 chiffres et clé de contrôle) : il n’est pas publié.",
        severity="info",
    )
    return frame.select(CONSTAT_COLUMNS), issues.frame()


def _prefixed(register: str, column: str) -> pl.Expr:
    """An id of another register as the official files write it: `DILA:…`; null stays null."""
    return pl.when(pl.col(column).is_not_null()).then(pl.format(register + ":{}", column)).alias(f"service_{column}")


def _type_structure() -> pl.Expr:
    """What the feed says, else what the name says, else unknown (published as an implantation when no feed knows)."""
    return (
        pl.when(pl.col("type_structure").is_not_null())
        .then("type_structure")
        .when(pl.col("codes_type") == "mairie_mobile")
        .then(pl.lit("Itinérance"))
        .when((pl.col("typologie") == "france_services") & pl.col("nom").str.contains(_MOBILE))
        .then(pl.lit("Itinérance"))
        .when((pl.col("typologie") == "caf") & pl.col("nom").str.contains(_PERMANENCE))
        .then(pl.lit("Permanence"))
        .alias("type_structure")
    )


def _address() -> pl.Expr:
    """`12 rue des Jardins 05700 Serres`, from whichever parts are known."""
    parts = pl.concat_list(pl.col("adresse"), pl.col("code_postal"), pl.col("commune")).list.drop_nulls()
    return pl.when(pl.col("adresse").is_not_null()).then(parts.list.join(" "))


def _log_illegible_hours(frame: pl.DataFrame, issues: IssueLog) -> None:
    issues.add_rows(
        frame.filter(pl.col("horaires_qualite") == "illisible").select(
            "id_source", pl.col("horaires_texte").alias("horaires")
        ),
        record="id_source",
        column="horaires",
        rule="horaires-illisibles",
        reason="Les horaires n’ont pas été compris : ils sont publiés comme inconnus, le texte d’origine est gardé.",
    )


def count_types(source: str, nomenclature: str, records: pl.DataFrame, typologies: TypologyTable) -> pl.DataFrame:
    """Records by type code: `source, code_type, statut, enregistrements`, most frequent first.

    `statut` is `publiée`, `hors typologie` or `inconnue` (a code never seen before).
    """
    counts = (
        records.explode("codes_type", empty_as_null=True)
        .group_by(pl.col("codes_type").fill_null("").alias("code_type"))
        .agg(pl.len().cast(pl.Int64).alias("enregistrements"))
        .sort("enregistrements", "code_type", descending=[True, False])
    )
    status = pl.col("code_type").map_elements(
        lambda code: typologies.status(nomenclature, code), return_dtype=pl.String
    )
    return counts.select(pl.lit(source).alias("source"), "code_type", status.alias("statut"), "enregistrements")
