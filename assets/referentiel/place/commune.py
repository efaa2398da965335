"""The current commune of each record: by its code, its former code, its postcode and name, its point.

Whether the point can be believed as the counter's position belongs to `position`.
"""

import re

import numpy as np
import polars as pl
from rapidfuzz import fuzz, process

from assets.referentiel.place.gazetteer import Gazetteer, departement_of_postcode
from assets.referentiel.place.names import district_number, is_cedex, town_key
from pipeline.foundations.codes import COMMUNE_PATTERN, departement_of_commune
from pipeline.foundations.issues import IssueLog

#: Names closer than this (0–100, `rapidfuzz` ratio) within one postcode are the same town misspelt.
_SAME_NAME = 88.0
_SPECIAL = re.compile(r"(?i)\b(?:CS|BP|TSA)\s*(?:n\s*°\s*)?0*(\d{2,5})\b")
_POSTCODE = re.compile(r"\b(\d{5})\b")


def find_communes(records: pl.DataFrame, gazetteer: Gazetteer, issues: IssueLog) -> pl.DataFrame:
    """Add the current commune and how it was found.

    Returns:
        The frame, its rows in the same order, with `lieu_code_insee` (null when it cannot be told),
        `lieu_code_arrondissement_municipal` (Paris, Lyon and Marseille, when the record tells it), `commune_methode`:
        `code`, `passage`, `passage et point` or `passage et nom` (a split code), `code postal et nom`, `code postal et
        ancien nom`, `nom et département`, `point`, `code postal et nom approché`, `code postal`; null without commune.
    """
    frame = _read_codes(records, gazetteer, issues)
    frame = _weigh_code_and_postcode(frame, gazetteer, issues)
    frame = _choose_among_heirs(frame, gazetteer, issues)
    frame = frame.with_columns(
        pl.coalesce("_par_code", "_par_nom").alias("lieu_code_insee"),
        pl.when(pl.col("_par_code").is_not_null())
        .then("_methode_code")
        .when(pl.col("_par_nom").is_not_null())
        .then(
            pl.when(pl.col("_nom_ancien"))
            .then(pl.lit("code postal et ancien nom"))
            .otherwise(pl.lit("code postal et nom"))
        )
        .alias("commune_methode"),
    )
    frame = _last_resorts(frame, gazetteer)
    _log_unknown(frame, issues)
    return _districts(frame, gazetteer).drop(c for c in frame.columns if c.startswith("_"))


def _read_codes(records: pl.DataFrame, gazetteer: Gazetteer, issues: IssueLog) -> pl.DataFrame:
    """What the record says, brought to the forms the gazetteer knows, and what each of them alone tells."""
    padded = pl.when(pl.col("code_insee").str.contains(r"^\d{4}$")).then(pl.col("code_insee").str.zfill(5))
    postcode = pl.col("code_postal").str.replace_all(" ", "", literal=True).str.extract(r"^(\d{4,5})$").str.zfill(5)
    frame = records.with_columns(
        padded.otherwise(pl.col("code_insee").str.to_uppercase()).alias("_code"),
        postcode.alias("_postal"),
        pl.col("commune").map_elements(town_key, return_dtype=pl.String).alias("_nom"),
        pl.col("commune").map_elements(is_cedex, return_dtype=pl.Boolean).fill_null(False).alias("_cedex"),
    )
    frame = _set_aside_box_numbers(frame, gazetteer, issues)
    # The postcode of a CEDEX names a sorting office: it never finds a commune.
    frame = frame.with_columns(pl.when(~pl.col("_cedex")).then("_postal").alias("_distribution"))
    current = gazetteer.communes.select(pl.col("code").alias("_code"), pl.lit(True).alias("_actuel"))
    former = gazetteer.passage.select(
        pl.col("code_ancien").alias("_code"), pl.col("code").alias("_passage"), pl.col("candidats").alias("_heritiers")
    )
    names = gazetteer.names.select(
        pl.col("code_postal").alias("_distribution"),
        pl.col("nom_cle").alias("_nom"),
        pl.col("code").alias("_par_nom"),
        pl.col("ancien").alias("_nom_ancien"),
    )
    frame = (
        frame.join(current, on="_code", how="left", maintain_order="left")
        .join(former, on="_code", how="left", maintain_order="left")
        .join(names, on=["_distribution", "_nom"], how="left", maintain_order="left")
    )
    return frame.with_columns(
        pl.when(pl.col("_actuel")).then("_code").otherwise("_passage").alias("_par_code"),
        pl.when(pl.col("_actuel")).then(pl.lit("code")).otherwise(pl.lit("passage")).alias("_methode_code"),
    )


def _set_aside_box_numbers(frame: pl.DataFrame, gazetteer: Gazetteer, issues: IssueLog) -> pl.DataFrame:
    """A postcode that is the number of a letter box (`CS 40217`) is dropped; the one the address holds is used."""
    address = pl.concat_str(
        *(pl.col(c) for c in ("adresse", "complement", "commune") if c in frame.columns),
        separator=" ",
        ignore_nulls=True,
    )
    suspects = frame.with_row_index("_ligne").filter(
        pl.col("_postal").is_not_null()
        & ~pl.col("_cedex")
        & ~pl.col("_postal").is_in(list(gazetteer.postcodes))
        & address.str.contains(r"(?i)\b(?:CS|BP|TSA)\s*\d")
    )
    fixed: dict[int, str | None] = {}
    for row, postcode, text in suspects.select("_ligne", "_postal", address.alias("_texte")).iter_rows():
        boxes = {number.zfill(5) for number in _SPECIAL.findall(text)}
        if postcode in boxes:
            written = [p for p in _POSTCODE.findall(_SPECIAL.sub(" ", text)) if p in gazetteer.postcodes]
            fixed[row] = written[0] if len(set(written)) == 1 else None
    if not fixed:
        return frame
    issues.add_rows(
        frame[list(fixed)],
        record="id_source",
        column="code_postal",
        rule="numero-de-boite",
        reason="Le code postal est le numéro de la boîte (CS, BP, TSA) : il n’est pas utilisé.",
    )
    postcodes = frame["_postal"].to_list()
    for row, value in fixed.items():
        postcodes[row] = value
    return frame.with_columns(pl.Series("_postal", postcodes, dtype=pl.String))


def _weigh_code_and_postcode(frame: pl.DataFrame, gazetteer: Gazetteer, issues: IssueLog) -> pl.DataFrame:
    """Drop a commune code that its postcode and its name deny: the postcode typed twice, another département."""
    served = gazetteer.pairs.select(
        pl.col("code_postal").alias("_distribution"), pl.col("code").alias("_par_code"), pl.lit(True).alias("_desservi")
    )
    own_name = gazetteer.communes.select(pl.col("code").alias("_par_code"), pl.col("nom_cle").alias("_nom_du_code"))
    frame = frame.join(served, on=["_distribution", "_par_code"], how="left", maintain_order="left").join(
        own_name, on="_par_code", how="left", maintain_order="left"
    )
    not_served = (
        pl.col("_par_code").is_not_null() & pl.col("_distribution").is_not_null() & pl.col("_desservi").is_null()
    )
    other_name = (pl.col("_nom") != pl.col("_nom_du_code")).fill_null(False)
    known_postcode = pl.col("_distribution").is_in(list(gazetteer.postcodes))
    departement = pl.col("_distribution").replace_strict(
        {p: departement_of_postcode(p) for p in frame["_distribution"].drop_nulls().unique()},
        default=None,
        return_dtype=pl.String,
    )
    elsewhere = not_served & known_postcode & (departement != departement_of_commune(pl.col("_par_code")))
    frame = frame.with_columns(
        ((pl.col("_code") == pl.col("_postal")) & not_served & other_name).fill_null(False).alias("_recopie"),
        elsewhere.fill_null(False).alias("_ailleurs"),
    ).with_columns(
        (pl.col("_ailleurs") & other_name & pl.col("_par_nom").is_not_null() & ~pl.col("_recopie")).alias("_dementi")
    )
    issues.add_rows(
        frame.filter("_recopie"),
        record="id_source",
        column="code_insee",
        rule="code-postal-recopie",
        reason="Le code postal est recopié à la place du code commune : la commune est cherchée autrement.",
    )
    issues.add_rows(
        frame.filter("_dementi"),
        record="id_source",
        column="code_insee",
        rule="departement-divergent",
        reason="Le code commune est d’un autre département que le code postal et le nom, qui s’accordent : "
        "ils sont suivis.",
    )
    issues.add_rows(
        frame.filter(pl.col("_ailleurs") & ~pl.col("_dementi") & ~pl.col("_recopie")),
        record="id_source",
        column="code_postal",
        rule="departement-divergent",
        reason="Le code postal est d’un autre département que le code commune, qui est suivi.",
        severity="info",
    )
    denied = pl.col("_recopie") | pl.col("_dementi")
    return frame.with_columns(
        pl.when(~denied).then("_par_code").alias("_par_code"), pl.when(~denied).then("_heritiers").alias("_heritiers")
    )


def _choose_among_heirs(frame: pl.DataFrame, gazetteer: Gazetteer, issues: IssueLog) -> pl.DataFrame:
    """A split code leads to the heir where the point is, else the one the record names, else the one that kept it."""
    split = frame.with_row_index("_ligne").filter(pl.col("_heritiers").is_not_null())
    if split.is_empty():
        return frame
    chosen, methods = frame["_par_code"].to_list(), frame["_methode_code"].to_list()
    by_point = _communes_of_points(split, gazetteer)
    for (row, record, code, heirs, name), point in zip(
        split.select("_ligne", "id_source", "_code", "_heritiers", "_nom").iter_rows(), by_point, strict=True
    ):
        named = [heir for heir in heirs if gazetteer.key_of.get(heir) == name]
        if point in heirs:
            chosen[row], methods[row] = point, "code" if point == code else "passage et point"
        elif len(named) == 1:
            chosen[row], methods[row] = named[0], "code" if named[0] == code else "passage et nom"
        elif chosen[row] is None:
            issues.add(
                record=record,
                column="code_insee",
                value=code,
                rule="commune-scindee",
                reason=f"Code partagé entre {', '.join(heirs)} : ni le point ni le nom ne disent laquelle.",
            )
    return frame.with_columns(
        pl.Series("_par_code", chosen, dtype=pl.String), pl.Series("_methode_code", methods, dtype=pl.String)
    )


def _last_resorts(frame: pl.DataFrame, gazetteer: Gazetteer) -> pl.DataFrame:
    """Records still without a commune: what the name, the point and the postcode tell two by two, then alone."""
    lost = frame.with_row_index("_ligne").filter(pl.col("lieu_code_insee").is_null())
    if lost.is_empty():
        return frame
    codes, methods = frame["lieu_code_insee"].to_list(), frame["commune_methode"].to_list()
    by_point = _communes_of_points(lost, gazetteer)
    departements = dict(gazetteer.communes.select("code", "departement").iter_rows())
    town_names = set(gazetteer.key_of.values())
    for (row, code, postcode, served_by, name), point in zip(
        lost.select("_ligne", "_code", "_postal", "_distribution", "_nom").iter_rows(), by_point, strict=True
    ):
        departement = departement_of_postcode(postcode) if postcode else _departement_of_code(code)
        served = gazetteer.postcodes.get(served_by or "", [])
        if point and name and gazetteer.key_of[point] == name:
            codes[row], methods[row] = point, "point"
        elif departement and name and (found := gazetteer.by_name.get((departement, name))):
            codes[row], methods[row] = found, "nom et département"
        elif point and (departement is None or departements[point] == departement):
            codes[row], methods[row] = point, "point"
        elif name and (close := _closest(name, served, gazetteer)):
            codes[row], methods[row] = close, "code postal et nom approché"
        elif len(served) == 1 and name not in town_names:  # a hamlet, or nothing; another town would deny the postcode
            codes[row], methods[row] = served[0], "code postal"
        elif point:
            codes[row], methods[row] = point, "point"
    return frame.with_columns(
        pl.Series("lieu_code_insee", codes, dtype=pl.String), pl.Series("commune_methode", methods, dtype=pl.String)
    )


def _departement_of_code(code: str | None) -> str | None:
    return (
        (code[:3] if code.startswith(("97", "98")) else code[:2]) if code and re.match(COMMUNE_PATTERN, code) else None
    )


def _closest(name: str, codes: list[str], gazetteer: Gazetteer) -> str | None:
    """The only commune whose name is almost that one, or holds it whole (`Culoz`, of `Culoz-Béon`)."""
    names = {code: gazetteer.key_of[code] for code in codes}
    for scorer, cutoff in ((fuzz.ratio, _SAME_NAME), (fuzz.token_set_ratio, 100.0)):
        close = process.extract(name, names, scorer=scorer, score_cutoff=cutoff, limit=2)
        if len(close) == 1:
            return str(close[0][2])
    return None


def _communes_of_points(rows: pl.DataFrame, gazetteer: Gazetteer) -> list[str | None]:
    """Commune that holds each record's point, as given or with its axes swapped; None without a usable point."""
    x = rows["longitude"].to_numpy().astype(np.float64)
    y = rows["latitude"].to_numpy().astype(np.float64)
    straight, swapped = gazetteer.commune_at(x, y), gazetteer.commune_at(y, x)
    return [a or b for a, b in zip(straight, swapped, strict=True)]


def _log_unknown(frame: pl.DataFrame, issues: IssueLog) -> None:
    given = pl.col("code_insee").is_not_null()
    well_formed = pl.col("_code").str.contains(COMMUNE_PATTERN)
    issues.add_rows(
        frame.filter(given & ~well_formed),
        record="id_source",
        column="code_insee",
        rule="code-insee-mal-forme",
        reason="Ce n’est pas un code commune de l’Insee (5 caractères) : la commune est cherchée autrement.",
    )
    unknown = pl.col("_actuel").is_null() & pl.col("_passage").is_null() & pl.col("_heritiers").is_null()
    issues.add_rows(
        frame.filter(given & well_formed & unknown & ~pl.col("_recopie")),
        record="id_source",
        column="code_insee",
        rule="commune-inconnue",
        reason="Code absent du code officiel géographique en vigueur et de ses anciens codes : "
        "la commune est cherchée par le code postal et le nom, puis par le point.",
    )
    for method in ("code postal et nom approché", "code postal"):
        issues.add_rows(
            frame.filter(pl.col("commune_methode") == method),
            record="id_source",
            column="commune",
            rule="commune-approchee",
            reason=f"Commune trouvée par : {method}. À vérifier.",
        )
    issues.add_rows(
        frame.filter(pl.col("lieu_code_insee").is_null()).with_columns(
            pl.coalesce("code_insee", "commune").alias("code_insee")
        ),
        record="id_source",
        column="code_insee",
        rule="sans-commune",
        reason="Ni le code, ni le code postal et le nom, ni le point ne donnent une commune actuelle : "
        "l’enregistrement n’est pas publié.",
        severity="erreur",
    )


def _districts(frame: pl.DataFrame, gazetteer: Gazetteer) -> pl.DataFrame:
    """The municipal district, where the code, the postcode or the name of the town tells it."""
    cities = set(gazetteer.districts.values())
    in_city = frame.select(pl.col("lieu_code_insee").is_in(list(cities)).fill_null(False)).to_series()
    found: list[str | None] = [None] * frame.height
    rows = frame.with_row_index("_ligne").filter(in_city)
    for row, city, code, postcode, name in rows.select(
        "_ligne", "lieu_code_insee", "_code", "_distribution", "commune"
    ).iter_rows():
        number = district_number(name)
        told = (
            code,
            gazetteer.district_of_postcode.get(postcode or ""),
            gazetteer.district_of_number.get(number) if number else None,
        )
        found[row] = next((d for d in told if d and gazetteer.districts.get(d) == city), None)
    return frame.with_columns(pl.Series("lieu_code_arrondissement_municipal", found, dtype=pl.String))
