"""Reading of this stage's YAML files: strict, with every fault named. What each holds is beside its method."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.foundations.errors import WrongUse


class Strict(BaseModel):
    """Base of what is read: no key that nobody reads, nothing changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Model = TypeVar("Model", bound=Strict)


def load(model: type[Model], path: Path) -> Model:
    """Read and check a file.

    Raises:
        WrongUse: not readable, not YAML, or not of this shape; every fault is listed.
    """
    try:
        return model.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise WrongUse(str(path), expected="readable YAML", found=str(error), remedy="fix the file") from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise WrongUse(str(path), expected=f"the shape of {path.name}", found=faults, remedy="fix it") from error
