import os
import time
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from tests.warehouse.given_features import RUN_DATE, WINDOW, given_request, given_warehouse
from tests.workload.given_orders import given_order_lines, given_scored
from warehouse.warehouse import ChangedFeatures
from workload.recompute import Touched, replaced_at, touched_dates
from workload.source import WrongSource

DAYS = [RUN_DATE - timedelta(days=7 * weeks) for weeks in (2, 1, 0)]
LINES = [("1", "ann", DAYS[0], "5.00"), ("2", "ann", DAYS[2], "-2.00"), ("3", "bob", DAYS[1], "1.00")]


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """Three weeks of two customers; made once; each test gets a copy."""
    path = tmp_path_factory.mktemp("scored") / "warehouse.duckdb"
    make_scored(given_warehouse(path), path)
    return path


@pytest.fixture
def orders(tmp_path):
    """An orders file that has been replaced just now; the lines in it are those of order_lines."""
    file = tmp_path / "orders.csv"
    file.write_text("orders")
    return file


def make_scored(warehouse, path):
    given_order_lines(path, LINES)
    given_scored(warehouse, path, [("ann", 0, 1, "5.00")], given_request(DAYS[0]))
    given_scored(warehouse, path, [("ann", 7, 1, "5.00"), ("bob", 0, 1, "1.00")], given_request(DAYS[1]))
    given_scored(warehouse, path, [("ann", 14, 1, "3.00"), ("bob", 7, 1, "1.00")], given_request(DAYS[2]))


def test_no_date_is_touched_while_the_orders_are_the_same(warehouse, orders):
    assert touched_dates(warehouse, replaced_at(orders)) == Touched([], [])


@pytest.mark.parametrize(
    ("late", "touched"),
    [
        (("4", "ann", DAYS[1], "9.00"), [(DAYS[1], 1, 2), (DAYS[2], 1, 2)]),
        (("4", "new", DAYS[2], "9.00"), [(DAYS[2], 1, 3)]),
        (("1", "ann", DAYS[2], "-1.00"), [(DAYS[2], 1, 2)]),
        (("4", "ann", DAYS[0] - timedelta(days=WINDOW - 1), "9.00"), [(DAYS[0], 1, 1)]),
        (("4", "ann", RUN_DATE + timedelta(days=1), "9.00"), []),
        (("4", "ann", DAYS[0], "9.00", "missing_customer"), []),
        (("4", "ann", DAYS[0], "0.00"), []),
    ],
)
def test_late_orders_touch_the_dates_whose_values_they_change_and_no_others(warehouse, path, orders, late, touched):
    given_order_lines(path, [*LINES, late])
    assert touched_dates(warehouse, replaced_at(orders)).changed == [ChangedFeatures(*one) for one in touched]


def test_a_cancelled_order_that_drops_a_customer_is_seen(warehouse, path, orders):
    given_order_lines(path, LINES[:2])
    assert touched_dates(warehouse, replaced_at(orders)).changed == [
        ChangedFeatures(DAYS[1], 1, 2),
        ChangedFeatures(DAYS[2], 1, 2),
    ]


def test_a_rerun_takes_them_in_and_the_date_is_no_longer_listed(warehouse, path, orders):
    given_order_lines(path, LINES[:2])
    given_scored(warehouse, path, [("ann", 14, 1, "3.00")], given_request(DAYS[2], attempt=2))
    assert [one.run_date for one in touched_dates(warehouse, replaced_at(orders)).changed] == [DAYS[1]]


def test_dates_that_were_read_after_the_file_was_replaced_are_not_computed_anew(warehouse, path):
    given_order_lines(path, [])
    assert touched_dates(warehouse, datetime.now(UTC) - timedelta(hours=1)) == Touched([], [])


def test_a_date_that_did_not_keep_its_window_is_listed_and_stops_no_other(warehouse, path, orders):
    given_order_lines(path, LINES[:2])
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "update run_ledger set facts = json_merge_patch(facts, '{\"window_days\": null}')"
            " where step = 'scoring' and run_date = ?",
            [DAYS[2]],
        )
    found = touched_dates(warehouse, replaced_at(orders))
    assert found == Touched([ChangedFeatures(DAYS[1], 1, 2)], [DAYS[2]])


def test_a_file_moved_into_place_with_an_old_time_of_change_counts_as_new(orders):
    os.utime(orders, (1, 1))
    assert replaced_at(orders).timestamp() > time.time() - 60


def test_a_missing_orders_file_is_said(tmp_path):
    with pytest.raises(WrongSource, match="set SOURCE_PATH"):
        replaced_at(tmp_path / "absent.csv")
