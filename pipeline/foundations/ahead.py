"""Prepare the next item of an iterator in another thread while this one works on the current item.

Worth it when making an item leaves the interpreter's lock (unpacking, reading): two cores then work at once.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

_T = TypeVar("_T")
_END: Final = object()


def one_ahead(items: Iterator[_T]) -> Iterator[_T]:
    """The same items in the same order; what `items` raises is raised where the missing item was expected.

    At most one item more than was asked for is made. Stopping early waits for the item being made.
    """
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, _END)
        while (item := coming.result()) is not _END:
            coming = pool.submit(next, items, _END)
            yield item  # type: ignore[misc]
