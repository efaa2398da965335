"""One item ahead: same items, same errors, never further than that."""

import threading

import pytest

from pipeline.foundations.ahead import one_ahead


def test_the_same_items_in_the_same_order():
    assert list(one_ahead(iter(range(1000)))) == list(range(1000))
    assert list(one_ahead(iter([]))) == []
    assert list(one_ahead(iter([None, 0, ""]))) == [None, 0, ""]


def test_an_error_comes_where_its_item_was_expected():
    def items():
        yield 1
        yield 2
        raise ValueError("broken block")

    met = []
    with pytest.raises(ValueError, match="broken block"):
        met.extend(one_ahead(items()))
    ahead = one_ahead(items())
    assert (next(ahead), next(ahead)) == (1, 2)
    with pytest.raises(ValueError, match="broken block"):
        next(ahead)


def test_elsewhere_and_at_most_one_further():
    made, threads = [], set()

    def items():
        for i in range(10):
            made.append(i)
            threads.add(threading.get_ident())
            yield i

    ahead = one_ahead(items())
    for wanted in range(4):
        assert next(ahead) == wanted
    ahead.close()
    assert len(made) <= 5
    assert threading.get_ident() not in threads
