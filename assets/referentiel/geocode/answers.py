"""The shape in which every geocoder answers."""

import polars as pl

#: One row per place and canonical address asked for. Without a position, `motif` says why in French.
ANSWER_SCHEMA = pl.Schema(
    {
        "code_lieu": pl.String(),  # commune, or municipal district where the record tells it
        "cle_adresse": pl.String(),
        "longitude": pl.Float64(),
        "latitude": pl.Float64(),
        "geocodage_score": pl.Float64(),
        "geocodage_methode": pl.String(),
        "geocodage_date": pl.Date(),  # of the extract, or of the answer
        "id_ban": pl.String(),
        "libelle": pl.String(),  # the address as the geocoder writes it
        "motif": pl.String(),
    }
)
