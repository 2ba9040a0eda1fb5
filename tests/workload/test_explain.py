from datetime import date, timedelta
from decimal import Decimal

import pytest

from tests.warehouse.given_features import RUN_DATE, WINDOW, given_request, given_warehouse, read_rows
from tests.workload.given_orders import given_order_lines, given_scored
from workload.explain import NothingToExplain, explain

FIRST_DAY = RUN_DATE - timedelta(days=WINDOW - 1)
LINES = [
    ("1", "ann", RUN_DATE, "5.00"),
    ("1", "ann", RUN_DATE - timedelta(days=2), "7.50"),
    ("2", "ann", FIRST_DAY, "10.00"),
    ("3", "ann", RUN_DATE, "-2.00"),
    ("4", "ann", FIRST_DAY - timedelta(days=1), "99.00"),
    ("5", "ann", RUN_DATE + timedelta(days=1), "99.00"),
    ("6", "ann", RUN_DATE, "99.00", "duplicate"),
    ("1", "bob", RUN_DATE, "1.00"),
    ("7", "ref", RUN_DATE, "-9.00"),
]
FEATURES = [("ann", 2, 2, "20.50"), ("bob", 0, 1, "1.00"), ("ref", None, 0, "-9.00"), ("cat", 9, 5, "50.00")]


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """Customers with orders of all kinds; made once; each test gets a copy."""
    path = tmp_path_factory.mktemp("scored") / "warehouse.duckdb"
    make_scored(given_warehouse(path), path)
    return path


def make_scored(warehouse, path):
    given_order_lines(path, LINES)
    given_scored(warehouse, path, FEATURES, given_request())


def test_the_orders_in_the_window_and_nothing_else_explain_the_values(warehouse):
    found = explain(warehouse, "ann", RUN_DATE)
    assert [(one.order_id, one.order_date, one.amount) for one in found.orders] == [
        ("3", RUN_DATE, Decimal("-2.00")),
        ("1", RUN_DATE - timedelta(days=2), Decimal("12.50")),
        ("2", FIRST_DAY, Decimal("10.00")),
    ]
    assert found.first_day == FIRST_DAY
    assert [(one.value, one.value_now) for one in found.measures] == [(2, 2), (2, 2), (Decimal("20.50"),) * 2]
    assert not found.orders_have_changed


def test_scores_found_from_edges_are_those_that_were_committed(warehouse, path):
    for customer, *scores, segment in read_rows(
        path, "select customer_id, r_score, f_score, m_score, segment from rfm_scores"
    ):
        found = explain(warehouse, customer, RUN_DATE)
        assert [one.score for one in found.measures] == scores
        assert (found.segment, found.reason) == (segment, None)
    ann = explain(warehouse, "ann", RUN_DATE)
    assert ann.measures[2].edges == (Decimal("1.00"), Decimal("20.50"), Decimal("20.50"), Decimal("50.00"))
    assert ann.model_id == read_rows(path, "select any_value(model_id) from rfm_scores")[0][0]


def test_a_rejected_customer_is_told_the_reason_and_gets_no_score(warehouse):
    found = explain(warehouse, "ref", RUN_DATE)
    assert (found.reason, found.segment) == ("no_positive_order", None)
    assert [one.score for one in found.measures] == [None, None, None]
    assert [one.amount for one in found.orders] == [Decimal("-9.00")]
    assert not found.orders_have_changed


def test_the_edges_are_those_of_the_runs_model_and_a_later_run_changes_nothing(warehouse, path):
    before = explain(warehouse, "ann", RUN_DATE)
    later = given_request(RUN_DATE + timedelta(days=7))
    given_scored(warehouse, path, [("ann", 9, 2, "18.50"), *((f"c{n}", n, n + 3, n * 100) for n in range(9))], later)
    assert explain(warehouse, "ann", RUN_DATE) == before


def test_orders_that_came_since_are_told_beside_the_values_that_were_scored(warehouse, path):
    given_order_lines(path, [*LINES, ("8", "ann", RUN_DATE, "100.00")])
    found = explain(warehouse, "ann", RUN_DATE)
    assert found.orders_have_changed
    assert [(one.value, one.value_now) for one in found.measures] == [
        (2, 0),
        (2, 3),
        (Decimal("20.50"), Decimal("120.50")),
    ]


@pytest.mark.parametrize(
    ("customer", "day", "said"),
    [
        ("nobody", RUN_DATE, "no such customer has a row on 2026-06-29"),
        ("ann", date(2026, 6, 28), "2026-06-28 has not been scored; .* the last is 2026-06-29"),
    ],
)
def test_an_unknown_customer_or_date_is_said(warehouse, customer, day, said):
    with pytest.raises(NothingToExplain, match=said):
        explain(warehouse, customer, day)
