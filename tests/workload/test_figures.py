"""The figures of a report are those that a person would count in the tables by hand."""

from datetime import timedelta
from decimal import Decimal

import pytest

import settings
from rfm.read_rules import rules_named
from tests.warehouse.given_features import (
    RUN_DATE,
    WINDOW,
    given_features,
    given_request,
    given_warehouse,
    read_rows,
)
from workload.figures import Looks, NothingToReport, looks_of, report_of
from workload.models import FROZEN
from workload.score import score

BEFORE = RUN_DATE - timedelta(days=7)
RULES = rules_named("quintile")


@pytest.fixture
def warehouse(path):
    return given_warehouse(path)


def rows(days_ago, customers=range(60)):
    return [(f"c{n}", (n * 7 + days_ago) % 700, 1 + n % 6, Decimal(n * n) / 4) for n in customers]


def scored(warehouse, path, found, run_date=RUN_DATE, attempt=1, **parameters):
    request = given_features(path, found, given_request(run_date, attempt=attempt, **parameters))
    score(warehouse, request, RULES, window_days=WINDOW, code_version="abc")
    return request.run_id


def test_the_parts_add_up_to_the_whole(warehouse, path):
    run_id = scored(warehouse, path, [*rows(0), ("refunds", None, 0, "-1.00")])
    report = report_of(warehouse, run_id, Looks(currency="EUR"))
    [(customers, orders, revenue)] = read_rows(path, "select count(*), sum(frequency), sum(monetary) from rfm_scores")
    head = report.headline
    assert (head.customers, head.orders, head.revenue) == (customers, orders, revenue)
    assert sum(one.customers for one in report.segments) == sum(one.customers for one in report.cells) == customers
    assert sum(one.revenue for one in report.segments) == revenue
    assert [one.name for one in report.segments] == [one.name for one in RULES.segments]
    for measure in report.measures:
        assert sum(one.customers for one in measure.scores) == customers
        assert sum(one.customers for one in measure.histogram) == customers
    assert report.quality.customers_rejected == {"no_positive_order": 1}
    assert (report.quality.customers_in, report.quality.scored) == (customers + 1, customers)
    assert (report.provenance.run_id, report.provenance.code_version) == (run_id, "abc")


def test_the_headline_is_that_of_a_count_by_hand(warehouse, path):
    """Five customers, one for each score: champions, loyal, need attention, and two who hibernate."""
    values = [("a", 1, 5), ("b", 30, 4), ("c", 90, 3), ("d", 200, 2), ("e", 400, 1)]
    before = [(*one, money) for one, money in zip(values, ("200", "300", "400", "50", "50"), strict=True)]
    now = [(*one, money) for one, money in zip(values, ("900", "700", "500", "300", "100"), strict=True)]
    scored(warehouse, path, before, BEFORE)

    head = report_of(warehouse, scored(warehouse, path, now), Looks()).headline

    assert (head.customers, head.orders, head.revenue) == (5, 15, 2500)
    assert head.best == ("champions", "loyal")
    assert (head.best_customer_share, head.best_revenue_share) == (2 / 5, 1600 / 2500)
    then = head.previous
    assert (then.run_date, then.customers, then.revenue, then.best_revenue_share) == (BEFORE, 5, 1000, 500 / 1000)


def test_every_line_and_customer_that_was_left_out_is_counted_by_its_reason(warehouse, path):
    lines = {"rows_in": 90, "lines_accepted": 85, "lines_rejected": 5}
    why = {"rejected_unreadable_amount": 3, "rejected_missing_customer": 2}
    request = given_features(path, [*rows(0), ("refunds", None, 0, "-1.00")], **lines, **why)
    score(warehouse, request, RULES, window_days=WINDOW, code_version="abc")

    quality = report_of(warehouse, request.run_id, Looks()).quality

    assert (quality.lines_in, quality.lines_accepted) == (90, 85)
    assert quality.lines_rejected == {"unreadable_amount": 3, "missing_customer": 2}
    assert (quality.customers_in, quality.scored, quality.customers_rejected) == (61, 60, {"no_positive_order": 1})


def test_scores_are_counted_as_they_were_given(warehouse, path):
    report = report_of(warehouse, scored(warehouse, path, rows(0)), Looks())
    for measure, column in zip(report.measures, ("r_score", "f_score", "m_score"), strict=True):
        counted = dict(read_rows(path, f"select {column}, count(*) from rfm_scores group by 1"))
        assert {one.score: one.customers for one in measure.scores if one.customers} == counted


def test_the_first_run_has_nothing_to_compare_with(warehouse, path):
    report = report_of(warehouse, scored(warehouse, path, rows(0)), Looks())
    assert (report.headline.previous, report.drift, report.moves) == (None, None, ())
    assert {one.customers_before for one in report.segments} == {None}


def test_a_run_is_compared_with_the_day_before(warehouse, path):
    scored(warehouse, path, rows(0), BEFORE)
    report = report_of(warehouse, scored(warehouse, path, rows(90, range(10, 70))), Looks())
    assert report.headline.previous.run_date == BEFORE
    assert report.headline.previous.customers == 60
    assert sum(one.customers for one in report.moves) == 70
    assert sum(one.customers for one in report.moves if one.before is None) == 10
    assert sum(one.customers_before for one in report.segments) == 60
    assert {one.run_date for one in report.trend} == {BEFORE, RUN_DATE}
    assert (report.drift.since, report.drift.since_fit) == (BEFORE, False)


def test_a_model_that_is_applied_unchanged_is_compared_with_its_fit(warehouse, path):
    fitted = RUN_DATE - timedelta(days=30)
    scored(warehouse, path, rows(0), fitted)
    scored(warehouse, path, rows(0), BEFORE, model=FROZEN)
    same = report_of(warehouse, scored(warehouse, path, rows(0), model=FROZEN), Looks())
    assert (same.drift.since, same.drift.since_fit) == (fitted, True)
    assert [one.psi for one in same.drift.measures] == [0, 0, 0]
    older = [(name, 600, orders, money) for name, _, orders, money in rows(0)]
    moved = report_of(warehouse, scored(warehouse, path, older, attempt=2, model=FROZEN), Looks())
    assert (moved.drift.worst.measure, moved.drift.worst.level) == ("recency", "shifted")
    assert [one.level for one in moved.drift.measures[1:]] == ["steady", "steady"]


def test_days_that_share_no_orders_are_not_compared(warehouse, path):
    scored(warehouse, path, rows(0), RUN_DATE - timedelta(days=WINDOW))
    assert report_of(warehouse, scored(warehouse, path, rows(0)), Looks()).headline.previous is None


def test_the_trend_is_as_long_as_it_was_asked_for(warehouse, path):
    days = [RUN_DATE - timedelta(days=7 * week) for week in range(4, -1, -1)]
    for day in days:
        run_id = scored(warehouse, path, rows(0), day)
    report = report_of(warehouse, run_id, Looks(days=3))
    assert sorted({one.run_date for one in report.trend}) == days[-3:]


def test_a_day_on_which_nobody_could_be_scored_has_a_report_too(warehouse, path):
    report = report_of(warehouse, scored(warehouse, path, [("refunds", None, 0, "-1.00")]), Looks())
    assert (report.headline.customers, report.headline.best, report.segments, report.measures) == (0, (), (), ())
    assert report.provenance.model_id is None


def test_only_scores_that_are_still_there_are_reported(warehouse, path):
    first = scored(warehouse, path, rows(0))
    with pytest.raises(NothingToReport, match="rfm-2026-06-29-2 has committed no scores"):
        report_of(warehouse, "rfm-2026-06-29-2", Looks())
    scored(warehouse, path, rows(1), attempt=2)
    with pytest.raises(NothingToReport, match="another run has replaced the scores"):
        report_of(warehouse, first, Looks())


def test_the_settings_say_how_it_looks():
    assert looks_of(settings.Report(currency="EUR", days=5)) == Looks(currency="EUR", days=5)
