"""Edges are DuckDB's quantile_disc to the cent."""

from decimal import Decimal

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfm.edges import BUCKET, positions, quantile_edges
from tests.rfm.given_customers import batch_of, cents, counter_of

SHARES = ("0.2", "0.4", "0.6", "0.8", "0.33", "0.67", "0.07", "0.29", "0.999")


@pytest.fixture(scope="module")
def duck():
    with duckdb.connect(config={"threads": 1}) as connection:
        yield connection


@settings(max_examples=150, deadline=None)
@given(st.lists(cents, min_size=1, max_size=300))
def test_monetary_edges_in_two_passes_are_those_of_duckdb(duck, values):
    batch = batch_of([(0, 1, Decimal(value).scaleb(-2)) for value in values])
    found = quantile_edges(counter_of(batch), "monetary", [Decimal(share) for share in SHARES])
    [(expected,)] = duck.execute(
        f"select quantile_disc(value, [{', '.join(SHARES)}]) from (select unnest(?::bigint[]) as value)", [values]
    ).fetchall()
    assert found == expected


def test_edges_are_those_of_duckdb_for_every_small_number_of_values(duck):
    for n in range(1, 301):
        [(expected,)] = duck.execute(
            f"select quantile_disc(value, [{', '.join(SHARES)}]) from range(1, ?::bigint + 1) as r(value)", [n]
        ).fetchall()
        assert list(positions(n, [Decimal(share) for share in SHARES])) == expected, n


def test_positions_are_not_moved_by_binary_fractions():
    # 0.07 * 100 is 7.000000000000001 in binary floating point, and its ceiling 8.
    assert list(positions(100, [Decimal("0.07")])) == [7]
    assert list(positions(10**17 + 5, [Decimal("0.2")])) == [2 * 10**16 + 1]


def test_the_second_pass_asks_only_for_buckets_that_hold_an_edge():
    asked = []
    count = counter_of(batch_of([(0, 1, Decimal(value)) for value in range(10_000)]))

    def watched(measure, *, width=1, within=None):
        asked.append((width, within))
        return count(measure, width=width, within=within)

    assert quantile_edges(watched, "monetary", [Decimal("0.5")]) == [499900]
    assert asked == [(BUCKET["monetary"], None), (BUCKET["monetary"], [499900 // BUCKET["monetary"]])]
