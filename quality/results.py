"""What a check says: one `RuleResult` per rule, whoever computed it.

Only the shape and its wording helpers belong here; computing results belongs to `validate` and `variation`.
"""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from quality.contract import Severity

#: ok: the rule holds. échec: it does not. erreur: it could not be evaluated. accepté: it does not hold, a steward
#: explained why and accepted it for this snapshot.
Status = Literal["ok", "échec", "erreur", "accepté"]

MAX_EXAMPLES = 5
_MAX_TEXT = 200  # characters of a value kept in an example


class Example(BaseModel):
    """One value at fault and the key of its row, as text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cle: str
    valeur: str | None


class RuleResult(BaseModel):
    """The outcome of one rule on one table or one source (exactly one of `table` and `source` is set).

    `observe`, `attendu` and `remede` are French sentences for the steward. `nb_valeurs` counts what was judged
    (non-null values, rows or records), `nb_echecs` what is at fault; null when counting has no sense. `acceptation`
    says who accepted the breach and why.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str | None = None
    source: str | None = None
    regle: str
    titre: str
    gravite: Severity
    statut: Status
    observe: str
    attendu: str
    remede: str = ""
    nb_valeurs: int | None = None
    nb_echecs: int | None = None
    exemples: tuple[Example, ...] = ()
    acceptation: str | None = None

    @model_validator(mode="after")
    def _one_subject(self) -> Self:
        if (self.table is None) == (self.source is None):
            raise ValueError("a result speaks of one table or of one source")
        return self

    @property
    def sujet(self) -> str:
        """The table or the source the result speaks of."""
        return self.table or self.source or ""

    @property
    def bloque(self) -> bool:
        """Whether it stops the promotion of a release: an unaccepted breach of a blocking rule, or any error."""
        return self.statut == "erreur" or (self.statut == "échec" and self.gravite == "blocage")

    @property
    def alerte(self) -> bool:
        """Whether it is to be looked at without stopping anything."""
        return self.statut == "échec" and self.gravite == "alerte"


def number(value: int | float) -> str:
    """A number as French readers write it: narrow no-break spaces between thousands, decimal comma."""
    return f"{value:,}".replace(",", "\u202f").replace(".", ",").replace("-", "−")


def percent(part: float, whole: float) -> str:
    """`part` in `whole`, one significant decimal at least: `0,01 %`, `12,5 %`; never rounded down to zero."""
    share = 100 * part / whole
    text = f"{share:.1f}" if abs(share) >= 0.1 or part == 0 else f"{share:.1g}"
    if "e" in text:
        text = "moins de 0.0001"
    return text.replace(".", ",").replace("-", "−") + "\u202f%"


def plural(count: int, one: str, many: str | None = None) -> str:
    """`plural(3, "valeur")` -> `3 valeurs`."""
    return f"{number(count)} {one if abs(count) < 2 else many or one + 's'}"


def shorten(text: str, limit: int = _MAX_TEXT) -> str:
    """The text, cut with an ellipsis above `limit` characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
