"""The `options` of a list as typed data: how the file is packed and which of its columns fills which record field.

Reading the bytes is `formats`, applying the mapping is `read`. The keys are explained for stewards in this folder's
README.
"""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator
from pyproj import CRS
from pyproj.exceptions import CRSError

from pipeline.foundations.errors import WrongUse
from sources.record import RECORD_SCHEMA
from sources.spec import SourceSpec

#: Record fields that the mapping fills by another key than `columns`.
_ELSEWHERE = {
    "id_source": "id",
    "codes_type": "code",
    "horaires": "hours",
    "horaires_format": "hours",
    "type_structure": "type_structure",
}
FIELDS = tuple(name for name in RECORD_SCHEMA.names() if name not in _ELSEWHERE)

Day = Literal["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"]
DAYS: tuple[Day, ...] = get_args(Day)


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


#: One name or a list of names; one or several feed columns.
Names = Annotated[tuple[str, ...], BeforeValidator(_several), Field(min_length=1)]
Departement = Annotated[str, Field(pattern=r"^(\d{2}|2[AB]|97\d)$")]
TypeCode = Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
TypeCodes = Annotated[tuple[TypeCode, ...], BeforeValidator(_several), Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CodeRule(_Strict):
    """Type codes told by the value of a column (compared without case, accents or punctuation)."""

    column: str
    values: dict[str, TypeCodes] = Field(min_length=1)
    match: Literal["exact", "prefix"] = "exact"
    skip: tuple[str, ...] = ()  # values of records that are no counters of ours: counted, not reported one by one


class Hours(_Strict):
    """Where opening hours are: one text column in a known notation, or columns for each day."""

    column: str | None = None
    format: Literal["texte", "osm", "motif"] = "texte"
    days: dict[Day, Names] = {}

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.column is None) == (not self.days):
            raise ValueError("give either `column` or `days`")
        return self


class ListMapping(_Strict):
    """How to read one list. See `sources/ccas/README.md` for each key."""

    departements: Annotated[tuple[Departement, ...], BeforeValidator(_several), Field(min_length=1)]
    format: Literal["csv", "xlsx", "json", "geojson"]
    encoding: str = "utf-8"
    separator: str = Field(";", min_length=1, max_length=1)
    sheet: str | None = None
    header_row: int = Field(1, ge=1, description="line of the header, counted from 1 (csv, xlsx)")
    records: str = ""  # dotted path of the records in a JSON document; empty: the document is the list
    within: str | None = None  # key of each JSON record that holds its columns
    id: Names
    code: TypeCodes | CodeRule
    type_structure: Literal["Implantation", "Permanence", "Itinérance"] | None = (
        None  # when the whole list is of one kind
    )
    columns: dict[str, Names] = Field(min_length=1)
    point: str | None = None  # a column holding "latitude, longitude"
    crs: int = 4326  # EPSG code of the coordinates
    decimal: Literal[".", ","] = "."
    hours: Hours | None = None
    date_format: str = "iso"  # strptime format of date_maj, or iso, or epoch_ms
    optional: tuple[str, ...] = ()  # columns used above that the file may lack
    ignored: tuple[str, ...] = ()  # known columns, not read

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            "".encode(value)
        except LookupError as error:
            raise ValueError(f"unknown encoding {value!r}") from error
        return value

    @field_validator("crs")
    @classmethod
    def _known_crs(cls, value: int) -> int:
        try:
            CRS.from_epsg(value)
        except CRSError as error:
            raise ValueError(f"EPSG:{value} is no reference system") from error
        return value

    @field_validator("columns")
    @classmethod
    def _known_fields(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for name in value:
            if name in _ELSEWHERE:
                raise ValueError(f"{name!r} is filled by the key `{_ELSEWHERE[name]}`")
            if name not in FIELDS:
                close = get_close_matches(name, FIELDS, n=1)
                hint = f" (did you mean {close[0]!r}?)" if close else f"; the fields are {', '.join(FIELDS)}"
                raise ValueError(f"{name!r} is not a record field{hint}")
        return value

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        both = {"longitude", "latitude"} & self.columns.keys()
        if len(both) == 1:
            raise ValueError("longitude and latitude go together")
        if self.point and both:
            raise ValueError("give either `point` or the columns longitude and latitude")
        if self.point and (self.crs != 4326 or self.decimal != "."):
            raise ValueError("`point` holds WGS84 degrees with decimal points: otherwise map longitude and latitude")
        used = set(self.used)
        if twice := sorted(used & set(self.ignored)):
            raise ValueError(f"both used and ignored: {', '.join(twice)}")
        if idle := sorted(set(self.optional) - used):
            raise ValueError(f"optional, but used by nothing: {', '.join(idle)}")
        return self

    @property
    def used(self) -> tuple[str, ...]:
        """Every feed column the mapping reads, without repetition."""
        return tuple(dict.fromkeys(self._used()))

    def _used(self) -> Iterator[str]:
        yield from self.id
        for names in self.columns.values():
            yield from names
        if isinstance(self.code, CodeRule):
            yield self.code.column
        if self.point:
            yield self.point
        if self.hours:
            yield from [self.hours.column] if self.hours.column else []
            for names in self.hours.days.values():
                yield from names


def mapping_of(spec: SourceSpec) -> ListMapping:
    """The validated `options` of a list.

    Raises:
        WrongUse: an option is unknown, missing or incoherent, or a column of `personal_data` is read; every fault is
            listed.
    """
    try:
        mapping = ListMapping.model_validate(spec.options)
    except ValidationError as error:
        raise _wrong(
            spec, (f"{'.'.join(map(str, e['loc'])) or 'options'}: {e['msg']}" for e in error.errors())
        ) from error
    if named := [c for c in mapping.used if any(c == p or c.startswith(f"{p}.") for p in spec.personal_data)]:
        raise _wrong(spec, [f"column(s) {', '.join(named)} of personal_data used by the mapping"])
    return mapping


def _wrong(spec: SourceSpec, faults: Iterable[str]) -> WrongUse:
    return WrongUse(
        f"options of source {spec.id}",
        expected="a mapping as described in sources/ccas/README.md",
        found="; ".join(faults),
        remedy="fix the list's YAML file",
    )
