"""The shape every counter feed is read into: what the feed says, in common column names, nothing decided yet.

One row is one record of the feed. Values are the feed's own (spaces cleaned, placeholders null); judging them —
typology, current commune code, trusted coordinates, valid hours — belongs to `assets.referentiel`.
"""

import polars as pl

#: Columns of a counter record. Text unless said otherwise; unknown is null.
RECORD_SCHEMA = pl.Schema(
    {
        "id_source": pl.String(),  # the record's id in its feed, unique within it
        "nom": pl.String(),
        "codes_type": pl.List(pl.String()),  # the feed's own type codes; several when a record carries several types
        "type_structure": pl.String(),  # Implantation | Permanence | Itinérance when the feed says so, else null
        "siret": pl.String(),
        "adresse": pl.String(),  # number and street of the physical address
        "complement": pl.String(),
        "code_postal": pl.String(),
        "commune": pl.String(),  # name of the town as written, CEDEX included
        "code_insee": pl.String(),  # as stated by the feed, of whatever vintage
        "longitude": pl.Float64(),  # WGS84 degrees as stated
        "latitude": pl.Float64(),
        "precision_geo": pl.String(),  # the feed's own word for the quality of its coordinates
        "horaires": pl.String(),  # original hours, in the notation named by `horaires_format`
        "horaires_format": pl.String(),  # one of HOURS_FORMATS, null when there are no hours
        "horaires_note": pl.String(),  # free comment on the hours
        "telephone": pl.String(),
        "courriel": pl.String(),
        "site_web": pl.String(),
        "date_maj": pl.Date(),  # when the feed says the record was last touched
        "id_dila": pl.String(),  # uuid of the DILA directory
        "ancien_id": pl.String(),  # earlier id of the same record (DILA `ancien_code_pivot`)
        "partenaire": pl.String(),  # feed the record was copied from, with its id there
        "partenaire_id": pl.String(),
        "id_officiel": pl.String(),  # SERVPUBL… or PERMPUBL… id of the State's own tool
        "id_finess": pl.String(),
        "id_bpe": pl.String(),
        "id_ban": pl.String(),  # address id in the Base Adresse Nationale
        "hote_id": pl.String(),  # permanence: id, in the same feed or an official one, of the counter that hosts it
        "hote_nom": pl.String(),
        "modalite": pl.String(),  # official reception mode, when the feed states it
        "groupe": pl.String(),  # name shared by a main site and its antennes
        "rang": pl.String(),  # the feed's word for the kind of site: Antenne, Site principal, siège, relais…
    }
)

#: Notations of `horaires`:
#:   plages_dila  JSON list of `plage_ouverture` objects as DILA writes them (old XML converted to the same keys)
#:   jours        JSON object, French weekday -> text of the day ("09:00 - 12:00 / 14:00 - 17:00")
#:   osm          an OSM opening_hours string, as claimed by the feed
#:   texte        free French text
#:   motif        a pattern of opening without times (CAF `TYPOUVSI`: "4 jours par semaine")
HOURS_FORMATS = ("plages_dila", "jours", "osm", "texte", "motif")
