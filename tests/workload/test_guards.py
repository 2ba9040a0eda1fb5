from datetime import date

import pytest

from rfm.quarantine import REASONS
from setting_types import REJECTIONS
from settings import Model
from warehouse.warehouse import ScoredDay
from workload.guards import Guarded, Guards, comparable, guards_of, stop_or_warn

RUN_ID = "rfm-2026-06-29-1"
WEEK_BEFORE = ScoredDay(date(2026, 6, 22), 100)


def facts(scored, **rejected):
    lost = sum(rejected.values())
    reasons = {f"rejected_{reason}": count for reason, count in rejected.items()}
    return {"rows_in": scored + lost, "scored": scored, "rejected": lost, **reasons}


def test_the_settings_know_the_reasons_of_the_quarantine():
    assert REJECTIONS == REASONS


def test_a_first_run_with_few_rejections_passes_by_default():
    assert stop_or_warn(guards_of(Model()), RUN_ID, facts(100, no_positive_order=5), None) == {}


def test_what_should_never_be_there_is_a_warning_by_default():
    seen = facts(100, no_positive_order=5, missing_recency=2, missing_customer=1)
    assert stop_or_warn(guards_of(Model()), RUN_ID, seen, None) == {"warnings": "missing_customer 1, missing_recency 2"}


def test_one_row_with_a_reason_that_stops_is_enough():
    guards = guards_of(Model(stop_on="missing_customer, missing_recency"))
    with pytest.raises(Guarded, match=f"{RUN_ID} .*missing_customer 1, and MODEL_STOP_ON"):
        stop_or_warn(guards, RUN_ID, facts(100, missing_customer=1), None)


@pytest.mark.parametrize(("rejected", "stopped"), [(25, False), (26, True)])
def test_too_large_a_share_of_rejections_stops(rejected, stopped):
    guards, seen = Guards(max_rejected=0.25), facts(100 - rejected, no_positive_order=rejected)
    if not stopped:
        assert stop_or_warn(guards, RUN_ID, seen, None) == {}
        return
    with pytest.raises(Guarded, match=r"26 of 100 feature rows are rejected \(no_positive_order 26\).* 0.25"):
        stop_or_warn(guards, RUN_ID, seen, None)


@pytest.mark.parametrize(("scored", "stopped"), [(75, False), (74, True), (0, True), (200, False)])
def test_too_many_customers_fewer_than_on_the_date_before_stops(scored, stopped):
    guards = Guards(max_drop=0.25)
    if not stopped:
        assert stop_or_warn(guards, RUN_ID, facts(scored), WEEK_BEFORE) == {}
        return
    with pytest.raises(Guarded, match=f"{scored} customers can be scored and 100 were on 2026-06-22"):
        stop_or_warn(guards, RUN_ID, facts(scored), WEEK_BEFORE)


def test_everything_that_is_wrong_is_said_at_once():
    guards = Guards(stop_on=frozenset(REASONS), max_rejected=0.1, max_drop=0.1)
    with pytest.raises(Guarded) as stopped:
        stop_or_warn(guards, RUN_ID, facts(10, missing_customer=10), WEEK_BEFORE)
    for setting in ("MODEL_STOP_ON", "MODEL_MAX_REJECTED", "MODEL_MAX_DROP"):
        assert setting in str(stopped.value)


def test_a_day_without_customers_passes_where_there_was_none_before():
    assert stop_or_warn(guards_of(Model()), RUN_ID, facts(0), None) == {}


@pytest.mark.parametrize(("run_date", "compared"), [(date(2028, 6, 10), True), (date(2028, 6, 11), False)])
def test_a_day_that_shares_no_order_with_this_one_is_not_compared(run_date, compared):
    assert (comparable(WEEK_BEFORE, run_date, window_days=720) is WEEK_BEFORE) is compared
    assert comparable(None, run_date, window_days=720) is None
