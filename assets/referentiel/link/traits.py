"""What of a constat can be compared with another: its family, nature, bare name, street, phones, site…

One row in, one row out; nothing is compared here.
"""

import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import numpy as np
import polars as pl

from assets.referentiel.link.rules import Rules
from pipeline.foundations.crs import epsg_expr, project
from pipeline.foundations.text import key

#: A phone or a site that records of more communes than this give is that of a network, not of a counter.
SHARED_BY_COMMUNES = 2
_AFTER_POSTCODE = r"^(.*?),?\s*\b\d{5}\s+(.*)$"
_POST_BOX = re.compile(r"\b(?:bp|cs|cp|tsa)(?: ?\d+)+\b|\bcedex\b.*$")
_NUMBER = re.compile(r"^(\d+)(?: ?(bis|ter|quater|[a-d])\b)?")
_FREE_HOSTS = ("facebook.com", "instagram.com", "twitter.com", "linkedin.com", "google.com", "sites.google.com")

#: Columns added to the identity of the constat (`_i`, `source`, `id_source`, `typologie`).
TRAITS = (
    "flux",  # the feed that speaks: the source or, for one that gathers others, the feed it had the record from
    "famille",
    "classe",  # `lieu` or `service`: which of the two models judges its pairs
    "commune",
    "structure",
    "hote_id",
    "id_officiel",
    "service_id_dila",
    "natures",  # one text per guard of `regles.yml`, in its order; null fits all
    "mots",  # words of the name that remain, each once, sorted
    "organismes",  # bodies the name holds, sorted
    "voie",  # words of the street that tell it, sorted
    "numero",
    "x",  # metres, in the projected system of the territory
    "y",
    "telephones",  # last nine digits of each
    "site",
    "siret",
    "horaires",
    "heures",
    "seul",  # the only one of its family and nature that its feed lists in the commune
    "seul_du_nom",  # the only one of those that bears these words
)


def numbered(constats: pl.DataFrame) -> pl.DataFrame:
    """The constats in the order of their identity, numbered `_i` (Int64): the same whatever the order given."""
    ordered = constats.sort("source", "id_source", "typologie")
    return ordered.with_row_index("_i").with_columns(pl.col("_i").cast(pl.Int64))


def families(rules: Rules) -> pl.Expr:
    """Family of each constat: its typology, unless a rule sends it to another one. Needs `_nom`, the name's key."""
    name = pl.col("_nom")
    expression: Any = pl
    for rule in rules.familles:
        fits = pl.col("typologie") == rule.typologie
        if rule.partenaire is not None:
            fits &= pl.col("partenaire").eq_missing(pl.lit(rule.partenaire))
        if rule.motif is not None:
            fits &= name.str.contains(_whole(rule.motif))
        expression = expression.when(fits).then(pl.lit(rule.famille))
    return pl.col("typologie") if expression is pl else expression.otherwise(pl.col("typologie")).alias("famille")


def traits(constats: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """The comparable traits of each constat, in `_i` order.

    Args:
        constats: frame in `harmonise.CONSTAT_COLUMNS` with a row number `_i`.
    """
    frame = constats.with_columns(_key("service_nom").alias("_nom"))
    frame = frame.with_columns(
        families(rules),
        pl.when(pl.col("source").is_in(rules.agregateurs) & pl.col("partenaire").is_not_null())
        .then(pl.format("{} / {}", "source", "partenaire"))
        .otherwise("source")
        .alias("flux"),
        pl.col("lieu_code_insee").alias("commune"),
        pl.when(pl.col("type_structure").is_null() & pl.col("_nom").str.contains(_whole(rules.mobile)))
        .then(pl.lit("Itinérance"))
        .otherwise("type_structure")
        .alias("structure"),
        _natures(rules).alias("natures"),
        pl.col("lieu_adresse").str.replace(_AFTER_POSTCODE, "$1").alias("_rue"),
        _position(frame, "x"),
        _position(frame, "y"),
        _phones().alias("telephones"),
        _host().alias("site"),
        pl.col("service_siret").alias("siret"),
        pl.col("service_horaires_ouverture").alias("horaires"),
        pl.col("service_nb_heures_hebdo").alias("heures"),
    )
    frame = frame.join(_town_names(frame), on="commune", how="left", maintain_order="left")
    frame = frame.drop("telephones").join(_own_phones(frame), on="_i", how="left", maintain_order="left")
    frame = frame.with_columns(
        pl.when(pl.col("famille").is_in(rules.familles_de_lieux))
        .then(pl.lit("lieu"))
        .otherwise(pl.lit("service"))
        .alias("classe"),
        _mapped(["_nom", "_commune", "service_typologie", "famille"], _name_words(rules), pl.List(pl.String)).alias(
            "mots"
        ),
        _mapped(["_nom", "famille"], _bodies(rules), pl.List(pl.String)).alias("organismes"),
        _mapped(["_rue"], _street_words(rules), pl.List(pl.String)).alias("voie"),
        _mapped(["_rue"], _street_number, pl.String).alias("numero"),
        _own("site", pl.col("commune").n_unique().over("site") <= SHARED_BY_COMMUNES),
        _own("siret", pl.len().over("flux", "famille", "siret") == 1),
    )
    kin = ["flux", "famille", "commune", "natures"]
    frame = frame.with_columns(
        (pl.len().over(kin) == 1).alias("seul"),
        (pl.len().over(*kin, pl.col("mots").list.join(" ")) == 1).alias("seul_du_nom"),
    )
    return frame.select("_i", "source", "id_source", "typologie", *TRAITS)


# --- expressions -------------------------------------------------------------------------------------------------


def _key(column: str) -> pl.Expr:
    return pl.col(column).map_elements(key, return_dtype=pl.String)


def _whole(pattern: str) -> str:
    return rf"\b(?:{pattern})\b"


def _own(column: str, own: pl.Expr) -> pl.Expr:
    return pl.when(own).then(pl.col(column)).alias(column)


def _natures(rules: Rules) -> pl.Expr:
    """The nature of each constat for each guard, joined into a list."""
    columns = []
    for guard in rules.natures:
        expression: Any = pl
        for nature, pattern in guard.valeurs.items():
            found = pl.col("_nom").str.extract(_whole(pattern), 1)
            value = found if re.compile(pattern).groups else pl.lit(nature)
            expression = expression.when(pl.col("_nom").str.contains(_whole(pattern))).then(value)
        nature_of = expression.otherwise(pl.lit(guard.sinon, dtype=pl.String))
        if guard.typologies:
            nature_of = pl.when(pl.col("typologie").is_in(guard.typologies)).then(nature_of)
        columns.append(nature_of)
    return pl.concat_list(columns) if columns else pl.lit([], dtype=pl.List(pl.String))


def _position(frame: pl.DataFrame, axis: str) -> pl.Series:
    """Projected coordinate; null where the place has none."""
    out = np.full(frame.height, np.nan)
    numbered = frame.select(
        pl.int_range(pl.len()).alias("_r"),
        "lieu_longitude",
        "lieu_latitude",
        epsg_expr(pl.col("lieu_code_departement")).alias("_epsg"),
    ).drop_nulls()
    for (epsg,), rows in numbered.group_by("_epsg"):
        x, y = project(rows["lieu_longitude"].to_numpy(), rows["lieu_latitude"].to_numpy(), int(str(epsg)))
        out[rows["_r"].to_numpy()] = x if axis == "x" else y
    return pl.Series(axis, np.where(np.isfinite(out), out.round(1), np.nan)).fill_nan(None)


def _phones() -> pl.Expr:
    """Last nine digits of each French number; short, shared-cost (08) and foreign ones left out."""
    digits = pl.col("telephone").str.replace_all(r"[\s.\-()]|\+", "")
    found = digits.str.extract_all(r"(?:0033|33|00(?:262|590|594|596)|(?:262|590|594|596))?0?([1-9]\d{8})")
    nine = found.list.eval(pl.element().str.slice(-9))
    return nine.list.eval(pl.element().filter(~pl.element().str.starts_with("8")))


def _own_phones(frame: pl.DataFrame) -> pl.DataFrame:
    """The phones of each constat but those of a network: `_i, telephones`; no row without any."""
    each = frame.select("_i", "commune", pl.col("telephones")).explode("telephones").drop_nulls()
    own = each.filter(pl.col("commune").n_unique().over("telephones") <= SHARED_BY_COMMUNES)
    return own.group_by("_i").agg(pl.col("telephones").unique().sort())


def _host() -> pl.Expr:
    """Host and path of the site, without scheme, `www.` and closing slash; null for social networks."""
    address = (
        pl.col("site_web")
        .str.to_lowercase()
        .str.strip_chars()
        .str.replace(r"^https?:/*", "")
        .str.replace(r"^www\.", "")
    )
    bare = address.str.replace(r"[?#].*$", "").str.strip_chars_end("/")
    host = bare.str.extract(r"^([^/]+)", 1)
    return pl.when(host.is_in(_FREE_HOSTS).not_() & host.str.contains(".", literal=True)).then(bare)


def _town_names(frame: pl.DataFrame) -> pl.DataFrame:
    """Name of each commune as its records' addresses write it most often: `commune, _commune`."""
    towns = frame.select("commune", pl.col("lieu_adresse").str.extract(_AFTER_POSTCODE, 2).alias("_ville")).drop_nulls()
    counted = towns.group_by("_ville", "commune").len().with_columns(_key("_ville").str.replace(r" cedex.*$", ""))
    counted = counted.group_by("commune", "_ville").agg(pl.col("len").sum())
    return (
        counted.sort("commune", "len", "_ville", descending=[False, True, False])
        .group_by("commune", maintain_order=True)
        .agg(pl.col("_ville").first().alias("_commune"))
    )


def _mapped(columns: list[str], function: Callable[..., Any], dtype: Any) -> pl.Expr:
    """Apply a pure function to texts, once per distinct combination."""
    remembered = cache(function)

    def apply(series: pl.Series) -> pl.Series:
        fields = series.struct.unnest()
        return pl.Series([remembered(*row) for row in fields.iter_rows()], dtype=dtype)

    return pl.struct(columns).map_batches(apply, return_dtype=dtype)


# --- words -------------------------------------------------------------------------------------------------------


def _sorted_words(words: Iterable[str]) -> list[str]:
    return sorted(set(words))


def _name_words(rules: Rules) -> Callable[..., list[str]]:
    empty = frozenset(rules.mots_vides)
    bodies = re.compile("|".join(_whole(p) for p in rules.organismes.values()))
    of_typology = {name: frozenset(words) for name, words in rules.mots_de_typologie.items()}

    def words(name: str | None, town: str | None, label: str | None, family: str) -> list[str]:
        """Words of a name, without those of its typology, its commune, the bodies it holds, and the empty ones."""
        known = empty | of_typology.get(family, frozenset()) | frozenset(key(label).split())
        known |= frozenset(written(town))
        return _sorted_words(w for w in written(bodies.sub(" ", name or "")) if w not in known)

    def written(text: str | None) -> list[str]:
        return [rules.abreviations.get(word, word) for word in (text or "").split()]

    return words


def _bodies(rules: Rules) -> Callable[..., list[str] | None]:
    patterns = {name: re.compile(_whole(p)) for name, p in rules.organismes.items()}

    def bodies(name: str | None, family: str) -> list[str]:
        """Bodies a name holds, but the one that is the family itself."""
        return [body for body, pattern in sorted(patterns.items()) if body != family and pattern.search(name or "")]

    return bodies


def _street_words(rules: Rules) -> Callable[..., list[str] | None]:
    empty = frozenset(rules.mots_de_voie)

    def words(street: str | None) -> list[str] | None:
        """Words that tell a street; null when the address names none."""
        bare = _NUMBER.sub("", _POST_BOX.sub(" ", key(street)).strip()).split()
        written = [rules.voies.get(word, word) for word in bare]
        left = _sorted_words(w for w in written if w not in empty)
        return left if any(not word.isdigit() for word in left) else None

    return words


def _street_number(street: str | None) -> str | None:
    found = _NUMBER.match(_POST_BOX.sub(" ", key(street)).strip())
    return (found.group(1).lstrip("0") or None) if found else None
