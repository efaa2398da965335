"""Partition keys known to an instance, and the contiguous ranges that cover a selection of them."""

from collections.abc import Sequence

from dagster import DagsterInstance

from assets.territories.assets import DEPARTEMENTS


def known_departements(instance: DagsterInstance) -> list[str]:
    """The départements the territories stage has declared, in the order the instance keeps them."""
    return list(instance.get_dynamic_partitions(str(DEPARTEMENTS.name)))


def contiguous_ranges(selected: Sequence[str], known: Sequence[str]) -> list[tuple[str, str]]:
    """Smallest list of (first, last) key ranges of `known` that covers exactly `selected`.

    A run covers one range of partitions, so `05,36,59` takes three runs and the whole country one.
    """
    wanted = set(selected)
    ranges: list[tuple[str, str]] = []
    start: str | None = None
    last = ""
    for code in known:
        if code in wanted:
            start = start or code
            last = code
        elif start is not None:
            ranges.append((start, last))
            start = None
    if start is not None:
        ranges.append((start, last))
    return ranges
