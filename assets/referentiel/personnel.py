"""What names people is withheld before anything is decided, and counted.

The rule itself is `sources.personal`; readers already drop the columns that are made of people (`personal_data` of
their declarations). This is the last gate, for what stands in columns that speak of offices: e-mails, telephones, free
text.

Decided:
- an e-mail that names a person is withheld;
- a name after a civility in the text of the hours is replaced by `[nom retiré]`, and a mobile number beside it, or
  beside an office held (« Madame le Maire au 06… »), by `[numéro retiré]`; addresses keep theirs (« rue du Docteur
  Roux »);
- a mobile number is published as any other (buses and small mairies have no other), except where the record's own
  e-mail names a person: the contact is then that person.
"""

import polars as pl

from pipeline.foundations.issues import IssueLog
from quality.results import RuleResult, number
from sources.personal import is_mobile, is_personal_mail, redact_people

#: `examines` counts the values that were there, `retenus` those withheld or redacted.
COUNT_SCHEMA = pl.Schema(
    {
        "source": pl.String(),
        "colonne": pl.String(),
        "examines": pl.Int64(),
        "retenus": pl.Int64(),
    }
)
_AROUND = ("service_nom", "lieu_adresse")
_TEXTS = ("horaires_texte", "service_horaires_ouverture")
#: A cheap sign that a text may hold a name, an e-mail or a mobile number, so that only those are read closely.
_MAY_NAME = (
    r"(?i)\b(?:mr|mrs|mme|mmes|mlle|melle|monsieur|madame|mademoiselle|messieurs|mesdames|docteur|mm?\.|dr\b)|@|[67]\d"
)


def withhold_personal(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Constats (or any frame with some of their columns) without what names people.

    Args:
        frame: `source`, and any of `courriel, telephone, horaires_texte, service_horaires_ouverture, service_nom,
            lieu_adresse`; other columns and the order of rows are kept.

    Returns:
        (the frame, counts in `COUNT_SCHEMA` by source and column, columns that were not there left out).
    """
    cleaned = frame.with_columns(redacted(pl.col(c)).alias(c) for c in _TEXTS if c in frame.columns)
    if "courriel" in frame.columns:
        names_person = _names_person(frame)
        cleaned = cleaned.with_columns(pl.when(~names_person).then("courriel").alias("courriel"))
        if "telephone" in frame.columns:
            theirs = names_person & pl.Series([bool(t) and is_mobile(t) for t in frame["telephone"]], dtype=pl.Boolean)
            cleaned = cleaned.with_columns(pl.when(~theirs).then("telephone").alias("telephone"))
    looked_at = [c for c in ("courriel", "telephone", *_TEXTS) if c in frame.columns]
    pairs = frame.select("source", *looked_at).hstack(cleaned.select(pl.col(looked_at).name.suffix("_apres")))
    counts = [
        pairs.group_by("source").agg(
            pl.lit(column).alias("colonne"),
            pl.col(column).is_not_null().sum().cast(pl.Int64).alias("examines"),
            pl.col(column).ne_missing(pl.col(f"{column}_apres")).sum().cast(pl.Int64).alias("retenus"),
        )
        for column in looked_at
    ]
    return cleaned, pl.concat([pl.DataFrame(schema=COUNT_SCHEMA), *counts]).sort("source", "colonne")


def redacted(text: pl.Expr) -> pl.Expr:
    """The text without the names of people."""
    return (
        pl.when(text.str.contains(_MAY_NAME))
        .then(text.map_elements(redact_people, return_dtype=pl.String))
        .otherwise(text)
    )


def withhold_in_issues(issues: pl.DataFrame) -> pl.DataFrame:
    """The issue log (a published product) without the names its values quote."""
    return issues.with_columns(redacted(pl.col("valeur")).alias("valeur"))


def log_withheld(source: str, before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Issues that note the records whose e-mail was withheld, without saying whose it was.

    Args:
        source: the feed.
        before: `id_source, courriel` as the feed states them; nothing to note without a column `courriel`.
        after: the same rows once withheld.
    """
    issues = IssueLog(source)
    if "courriel" in before.columns:
        gone = before.filter(before["courriel"].is_not_null() & after["courriel"].is_null())
        issues.add_rows(
            gone.select("id_source", pl.format("…@{}", pl.col("courriel").str.extract(r"@([^@]*)$")).alias("courriel")),
            record="id_source",
            column="courriel",
            rule="courriel-nominatif",
            reason="Le courriel semble nommer une personne : il n’est pas publié.",
            severity="info",
        )
    return issues.frame()


def personal_results(counts: pl.DataFrame) -> list[RuleResult]:
    """One result per source for the quality report: what was withheld. It informs; it never fails."""
    results = []
    for (source,), rows in counts.group_by("source", maintain_order=True):
        kept = rows.filter(pl.col("retenus") > 0)
        said = ", ".join(f"{column} : {number(n)}" for column, n in kept.select("colonne", "retenus").iter_rows())
        results.append(
            RuleResult(
                source=str(source),
                regle=f"{source}.donnees_personnelles",
                titre="Les données personnelles sont retenues",
                gravite="alerte",
                statut="ok",
                observe=f"retenu ou masqué — {said}" if said else "rien qui nomme une personne",
                attendu="aucun nom, courriel nominatif ni mobile de personne dans ce qui est publié",
                nb_valeurs=int(rows["examines"].sum()),
                nb_echecs=int(rows["retenus"].sum()),
            )
        )
    return results


def _names_person(frame: pl.DataFrame) -> pl.Series:
    around = pl.concat_str(
        [pl.col(c) for c in _AROUND if c in frame.columns] or [pl.lit("")], separator=" ", ignore_nulls=True
    )
    values = frame.select("courriel", around.alias("_around")).iter_rows()
    return pl.Series([bool(mail) and is_personal_mail(mail, place or "") for mail, place in values], dtype=pl.Boolean)
