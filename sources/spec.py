"""`source.yml` as typed data: what a feed is, where it is, what its file must look like.

Only the declaration belongs here; downloading is `pipeline.foundations.http`, reading is each source's `read.py`.
"""

from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pipeline.foundations.errors import WrongUse

Options = TypeVar("Options", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Licence(_Strict):
    """Licence of the feed and the credit line it asks for."""

    id: str  # data.gouv id: lov2, odc-odbl…
    title: str
    url: str
    attribution: str  # French; the vintage is appended by whoever prints it


class Resource(_Strict):
    """One file of the feed, downloaded and dated on its own."""

    id: str = Field(pattern=r"^[a-z0-9_]+$")
    url: str = Field(pattern=r"^https?://")
    filename: str  # name given to the snapshot file; its suffixes say how it is packed
    max_mb: int = Field(gt=0, description="refuse a download above this size")
    max_unpacked_mb: int | None = Field(None, gt=0, description="refuse an archive that unpacks above this size")
    optional: bool = False  # the source can be read without it
    content_types: tuple[str, ...] = ()  # accepted Content-Type values; empty means any but HTML

    @field_validator("filename")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if "/" in value or value.startswith("."):
            raise ValueError("a plain file name, without folders")
        return value


class Bounds(_Strict):
    """Plausible number of usable records. Below `min` the file is refused; above `max` the run warns."""

    min: int = Field(ge=0)
    max: int = Field(gt=0)


class Columns(_Strict):
    """Strict reading: a column of the file is expected, optional, or ignored; any other is reported."""

    expected: tuple[str, ...]
    optional: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


class SourceSpec(_Strict):
    """One feed. `columns` is keyed by generation (schema drift) or by the file's part; readers define the keys."""

    id: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str
    producer: str
    licence: Licence
    dataset_page: str
    cadence: Literal["quotidienne", "hebdomadaire", "mensuelle", "trimestrielle", "annuelle", "irrégulière"]
    millesime: str | None = None  # vintage of the data where the file does not say it
    format: str  # French, for the card: "JSON dans tar.bz2"
    kind: Literal["counters", "reference"]
    reader: str = Field(pattern=r"^[a-z0-9_.]+:[a-z_]+$")  # "sources.dila.read:read"
    nomenclature: str | None = None  # key of its type codes in typologies.yml; the id when not said
    required: bool = False  # a build cannot start without a good version of it
    enabled: bool = True
    imported: bool = False  # no server holds it: a command brings it, and its absence is ordinary
    max_age_days: int = Field(gt=0, description="older than this, the release warns that the source is stale")
    resources: tuple[Resource, ...] = Field(min_length=1)
    tables: tuple[str, ...] = ("records",)  # what the reader returns; `bounds` count the rows of the first
    columns: dict[str, Columns] = {}
    bounds: Bounds
    personal_data: tuple[str, ...] = ()  # columns dropped at reading because they name people
    options: dict[str, Any] = {}  # the reader's own settings, validated by the reader
    notes: str = ""

    def options_as(self, shape: type[Options]) -> Options:
        """The reader's settings.

        Raises:
            WrongUse: they are not of that shape; every fault is listed.
        """
        try:
            return shape.model_validate(self.options)
        except ValidationError as error:
            raise WrongUse(
                f"source {self.id}: options",
                expected=f"options that follow {shape.__module__}.{shape.__qualname__}",
                found="; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()),
                remedy="fix its declaration; the README beside its reader explains each key",
            ) from error

    def imagined(self) -> "SourceSpec":
        """The declaration of an invented copy of this feed: it says so, and holds no lower bound of the real one."""
        return self.model_copy(
            update={"title": f"{self.title} (flux fictif)", "bounds": Bounds(min=1, max=self.bounds.max)}
        )

    def resource(self, resource_id: str) -> Resource:
        """The resource of that id.

        Raises:
            KeyError: no such resource.
        """
        for resource in self.resources:
            if resource.id == resource_id:
                return resource
        raise KeyError(resource_id)


def load_spec(path: Path, **overrides: Any) -> SourceSpec:
    """Read and validate one `source.yml`.

    Raises:
        WrongUse: the file is not YAML, or does not follow `SourceSpec`; every fault is listed.
    """
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
        return SourceSpec.model_validate({**data, **overrides})
    except (yaml.YAMLError, TypeError) as error:
        raise WrongUse(str(path), expected="a YAML mapping", found=str(error), remedy="fix the file") from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise WrongUse(
            str(path),
            expected="a declaration that follows sources.spec.SourceSpec",
            found=faults,
            remedy="fix the file",
        ) from error
