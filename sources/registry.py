"""The known sources, found on disk: `sources/<id>/source.yml`, and one source per list of `sources/ccas/listes`.

Adding a folder (or a CCAS list) is all it takes to register a source; no code changes here. A list only writes what is
its own: the facts its family shares are in `defaut.yml`, beside the folder `listes`.
"""

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from pipeline.foundations.errors import WrongUse
from sources.reading import Reader
from sources.spec import SourceSpec, load_spec

_ROOT = Path(__file__).parent


@cache
def all_sources() -> dict[str, SourceSpec]:
    """Every enabled source of the project by id (see `discover`)."""
    return {spec.id: spec for spec in discover(_ROOT).values() if spec.enabled}


def discover(root: Path) -> dict[str, SourceSpec]:
    """Every source declared under `root`, enabled or not, in a fixed order (reference sources first, then by id).

    Raises:
        WrongUse: a declaration is invalid, or two declare the same id.
    """
    specs: dict[str, SourceSpec] = {}
    declared = [(path, load_spec(path)) for path in sorted(root.glob("*/source.yml"))]
    declared += [(path, load_list(path)) for path in sorted(root.glob("*/listes/*.yml"))]
    for path, spec in declared:
        if spec.id in specs:
            raise WrongUse(
                str(path),
                expected="a source id not used yet",
                found=f"id {spec.id!r} twice",
                remedy="rename one of them",
            )
        specs[spec.id] = spec
    return dict(sorted(specs.items(), key=lambda item: (item[1].kind != "reference", item[0])))


def load_list(path: Path) -> SourceSpec:
    """Read `<family>/listes/<name>.yml`, completed by `<family>/defaut.yml`.

    A value of the list wins over the default of the same name; mappings (`licence`, `options`…) are completed key by
    key, and each of the list's resources by the first default resource.

    Raises:
        WrongUse: one of the two files is not a YAML mapping, or together they do not follow `SourceSpec`.
    """
    defaults, own = _mapping(path.parent.parent / "defaut.yml"), _mapping(path)
    merged = {**defaults, **own}
    for key, default in defaults.items():
        if isinstance(default, dict) and isinstance(own.get(key), dict):
            merged[key] = {**default, **own[key]}
    template = (defaults.get("resources") or [{}])[0]
    merged["resources"] = [{**template, **r} if isinstance(r, dict) else r for r in own.get("resources") or []]
    return load_spec(path, **merged)


def _mapping(path: Path) -> dict[str, Any]:
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise WrongUse(str(path), expected="a readable YAML file", found=str(error), remedy="fix the file") from error
    if not isinstance(data, dict):
        raise WrongUse(
            str(path), expected="a YAML mapping", found=f"a {type(data).__name__}", remedy="write `key: value` lines"
        )
    return data


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
