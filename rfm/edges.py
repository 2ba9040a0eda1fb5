"""Edges: the cut points between scores, exact, without anyone holding all values.

A quantile edge is DuckDB's quantile_disc: of n values in order, the one at position ceil(share * n), counted
from 1 and never below 1. The share is a decimal, so that 0.2 of 15 is 3 and not a little more.
"""

from collections.abc import Sequence
from decimal import Decimal
from math import ceil
from typing import Protocol

import numpy as np
import numpy.typing as npt

from rfm.rule_set import Measure

Integers = npt.NDArray[np.int64]

BUCKET: dict[Measure, int] = {"recency": 1, "frequency": 1, "monetary": 4096}
"""How many neighbouring values are counted together at first: days and orders have few values, cents many."""


class CountValues(Protocol):
    """Counts the scorable values of one measure; monetary in cents.

    A bucket holds neighbouring values, about `width` of them; its number grows with the values, and with a width
    of 1 it is the value. Returns the buckets in growing order and how many values each holds; with `within`, of
    those buckets the single values.
    """

    def __call__(
        self, measure: Measure, *, width: int = 1, within: Sequence[int] | None = None
    ) -> tuple[Integers, Integers]: ...


def positions(n: int, quantiles: Sequence[Decimal]) -> Integers:
    """Where the edges stand among n values in order, from 1. n > 0."""
    return np.array([max(1, ceil(share * n)) for share in quantiles], dtype=np.int64)


def quantile_edges(count: CountValues, measure: Measure, quantiles: Sequence[Decimal]) -> list[int]:
    """Equal to quantile_disc over all values. There must be at least one value.

    Two passes: the first finds the buckets in which the edges lie, the second looks only into these.
    """
    width = BUCKET[measure]
    buckets, counts = count(measure, width=width)
    wanted = positions(int(counts.sum()), quantiles)
    holding = np.searchsorted(counts.cumsum(), wanted)
    if width == 1:
        return [int(value) for value in buckets[holding]]
    chosen = np.unique(holding)
    values, value_counts = count(measure, width=width, within=[int(bucket) for bucket in buckets[chosen]])
    passed_over = counts.copy()
    passed_over[chosen] = 0
    inside = wanted - passed_over.cumsum()[holding]
    return [int(value) for value in values[np.searchsorted(value_counts.cumsum(), inside)]]
