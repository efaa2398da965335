"""Codes that identify things in France: communes, départements, establishments. Form only, no reference table."""

import re

import polars as pl
from stdnum.fr import siret as _siret

from pipeline.foundations.errors import WrongUse

COMMUNE_PATTERN = r"^(?:\d{2}|2[AB])\d{3}$"
_COMMUNE = re.compile(COMMUNE_PATTERN)


def is_commune_code(value: str | None) -> bool:
    """Whether the text has the form of an INSEE commune code (`01004`, `2A004`, `97105`)."""
    return bool(value) and _COMMUNE.match(value or "") is not None


def departement_of_commune(code: pl.Expr) -> pl.Expr:
    """Département code of an INSEE commune code: three characters overseas, two elsewhere."""
    overseas = code.str.starts_with("97") | code.str.starts_with("98")
    return pl.when(overseas).then(code.str.slice(0, 3)).otherwise(code.str.slice(0, 2))


def valid_siret(value: str | None) -> str | None:
    """The 14 digits of a SIRET that holds its checksum, else None (SIREN, placeholders, `id_temp_ign_…`)."""
    if not value:
        return None
    digits = re.sub(r"\D", "", value)
    if len(digits) != 14 or not digits.strip("0"):
        return None
    return digits if _siret.is_valid(digits) else None


def parse_departements(text: str, known: list[str]) -> list[str]:
    """`"05,36,59"` or `"all"` -> codes, in the order of `known`.

    Raises:
        WrongUse: a code is not a known département; the message lists the known ones.
    """
    if text.strip().lower() in {"all", "tous", "toutes"}:
        return list(known)
    asked = [part.strip().upper() for part in text.split(",") if part.strip()]
    unknown = [code for code in asked if code not in known]
    if unknown or not asked:
        raise WrongUse(
            f"--departements {text!r}",
            expected="`all` or codes among " + ", ".join(known),
            found=f"unknown code(s) {', '.join(unknown)}" if unknown else "no code",
            remedy="give codes with their leading zero (05, 2A, 971), separated by commas",
        )
    return [code for code in known if code in set(asked)]
