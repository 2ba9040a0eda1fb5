from datetime import date

import pytest

from rfm.orders import OrderLine, Values, values_of

RUN_DATE = date(2026, 6, 29)


def line(day, cents, order_id=None):
    return OrderLine(order_id, date.fromisoformat(day), cents)


def values(*lines, window_days=10):
    return values_of(lines, RUN_DATE, window_days=window_days)


def test_recency_counts_from_the_last_purchase_and_monetary_sums_all():
    assert values(line("2026-06-25", 1000), line("2026-06-28", 550)) == Values(1, 2, 1550)


def test_a_refund_and_a_free_item_are_no_purchases():
    assert values(line("2026-06-25", 1000), line("2026-06-28", -300), line("2026-06-29", 0)) == Values(4, 1, 700)


@pytest.mark.parametrize(("day", "counts"), [("2026-06-19", False), ("2026-06-20", True), ("2026-06-29", True)])
def test_the_window_has_exactly_its_days(day, counts):
    assert values(line(day, 100)).frequency == counts


def test_nothing_after_run_date_is_seen_not_even_of_an_order_that_began_before():
    assert values(line("2026-06-28", 100, "a"), line("2026-06-30", -100, "a")) == Values(1, 1, 100)


def test_lines_of_one_order_are_one_order_dated_by_the_first_and_worth_their_sum():
    assert values(line("2026-06-27", 100, "a"), line("2026-06-25", 50, "a"), line("2026-06-26", 1)) == Values(3, 2, 151)


def test_an_order_that_began_before_the_window_does_not_count():
    assert values(line("2026-06-19", 100, "a"), line("2026-06-25", 50, "a")) == Values(None, 0, 0)


def test_lines_that_cancel_out_are_no_purchase():
    assert values(line("2026-06-25", 100, "a"), line("2026-06-25", -100, "a")) == Values(None, 0, 0)
