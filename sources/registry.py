"""The known sources, found on disk: `sources/<id>/source.yml`, and one source per list of `sources/ccas/listes`.

Adding a folder (or a CCAS list) is all it takes to register a source; no code changes here.
"""

from functools import cache
from importlib import import_module
from pathlib import Path

from pipeline.foundations.errors import WrongUse
from sources.reading import Reader
from sources.spec import SourceSpec, load_spec

_ROOT = Path(__file__).parent


@cache
def all_sources() -> dict[str, SourceSpec]:
    """Every enabled source by id, in a fixed order (reference sources first, then by id).

    Raises:
        WrongUse: a declaration is invalid, or two declare the same id.
    """
    specs: dict[str, SourceSpec] = {}
    for path in sorted(_ROOT.glob("*/source.yml")) + sorted(_ROOT.glob("*/listes/*.yml")):
        spec = load_spec(path)
        if spec.id in specs:
            raise WrongUse(
                str(path),
                expected="a source id not used yet",
                found=f"id {spec.id!r} twice",
                remedy="rename one of them",
            )
        specs[spec.id] = spec
    ordered = sorted(specs.values(), key=lambda s: (s.kind != "reference", s.id))
    return {spec.id: spec for spec in ordered if spec.enabled}


def get_source(source_id: str) -> SourceSpec:
    """The source of that id.

    Raises:
        WrongUse: unknown id; the message lists the known ones.
    """
    sources = all_sources()
    if source_id not in sources:
        raise WrongUse(
            f"source {source_id!r}",
            expected=f"one of {', '.join(sources)}",
            found="an unknown id",
            remedy="csp sources list",
        )
    return sources[source_id]


def reader_of(spec: SourceSpec) -> Reader:
    """Import the reader function a source declares."""
    module, _, function = spec.reader.partition(":")
    reader: Reader = getattr(import_module(module), function)
    return reader
