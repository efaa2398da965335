"""Configuration read from YAML: strict, with every fault named. What a file holds is beside the code that reads it."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from pipeline.foundations.errors import WrongUse


class Strict(BaseModel):
    """Base of what is declared: no key that nobody reads, nothing changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Shape = TypeVar("Shape")


def load(shape: type[Shape], path: Path) -> Shape:
    """Read and check a file.

    Raises:
        WrongUse: not readable, not YAML, or not of this shape; every fault is listed.
    """
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise WrongUse(str(path), expected="readable YAML", found=str(error), remedy="fix the file") from error
    return checked(shape, data, path)


def checked(shape: type[Shape], data: Any, path: Path) -> Shape:
    """Data of that shape; `path` is where it comes from.

    Raises:
        WrongUse: of another shape; every fault is listed.
    """
    try:
        return TypeAdapter(shape).validate_python(data)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise WrongUse(str(path), expected=f"the shape of {path.name}", found=faults, remedy="fix it") from error
