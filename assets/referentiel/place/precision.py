"""What a feed's own word for the quality of its coordinates is worth, by the written rules of `precision.yml`."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import RootModel, ValidationError

from pipeline.foundations.errors import WrongUse

Worth = Literal["exacte", "voie", "commune"]
_FILE = Path(__file__).with_name("precision.yml")


class _Rules(RootModel[dict[str, dict[str, Worth]]]):
    pass


def load_rules(path: Path) -> Mapping[str, Mapping[re.Pattern[str], Worth]]:
    """Source -> regular expression -> what the position is worth.

    Raises:
        WrongUse: not a YAML file of this shape, or an invalid expression.
    """
    try:
        rules = _Rules.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        return {
            source: {re.compile(pattern): worth for pattern, worth in words.items()}
            for source, words in rules.root.items()
        }
    except (yaml.YAMLError, ValidationError, re.error) as error:
        raise WrongUse(
            str(path),
            expected="source -> expression -> exacte, voie or commune",
            found=str(error),
            remedy="fix the file",
        ) from error


@cache
def _rules() -> Mapping[str, Mapping[re.Pattern[str], Worth]]:
    return load_rules(_FILE)


def worth_of(source: str, word: str) -> Worth | None:
    """What that source's word is worth; None when no rule knows it."""
    return next((w for pattern, w in _rules().get(source, {}).items() if pattern.fullmatch(word)), None)
