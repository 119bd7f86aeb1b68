"""A matrix of parameters in few tests: what `make test` leaves of it for `make test-all`.

A test with three parameters of six, four and seven values is 168 tests. What breaks one of them
nearly always breaks all with one value, or all with one pair of values. So `make test` takes few
that hold each value (``covering(1)``) or each pair (``covering(2)``), `make test-all` all. Of a
load that is much the same for every vendor one is enough (``covering(0)``).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import pytest


def leave_the_rest_to_full_runs(items: Sequence[pytest.Item]) -> None:
    """Mark as ``full`` what a test marked ``covering`` does not need in a small run."""
    matrices: dict[str, list[pytest.Function]] = {}
    for item in items:
        if hasattr(item, "callspec") and item.get_closest_marker("covering"):
            assert isinstance(item, pytest.Function)
            matrices.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for matrix in matrices.values():
        for item in _beyond(matrix):
            item.add_marker("full")


def _beyond(matrix: Sequence[pytest.Function]) -> list[pytest.Function]:
    left = [(item, _held(item)) for item in matrix]
    wanted = set().union(*(held for _, held in left))
    while wanted:
        best = max(left, key=lambda one: len(one[1] & wanted))
        left.remove(best)
        wanted -= best[1]
    return [item for item, _ in left]


def _held(item: pytest.Function) -> frozenset[tuple[tuple[str, int], ...]]:
    """The values, or the pairs of values, that this one has; a matrix shares its objects."""
    mark = item.get_closest_marker("covering")
    assert mark is not None
    values = sorted((name, id(value)) for name, value in item.callspec.params.items())
    return frozenset(combinations(values, min(mark.args[0], len(values))))
