"""Which attempt answers, and how news is merged, without a store."""

from datetime import UTC, date, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messenger.contract import Failure
from register.register import ParametersConflict, Run, StepNews
from register.rules import merge, next_attempt, state_of

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
BOOM = Failure(type="Boom", message="it broke")


def run(attempt=1, state="requested", parameters=None):
    return Run(
        run_id=f"rfm-2026-01-05-{attempt}",
        pipeline="rfm",
        run_date=date(2026, 1, 5),
        attempt=attempt,
        parameters=parameters or {},
        requested_by="test",
        requested_at=NOW,
        published=True,
        state=state,
    )


def news(state, *, minutes=0, step="features", **fields):
    if state == "failed":
        fields = {"error": BOOM, "flow_run_id": "f", **fields}
    return StepNews(step=step, state=state, at=NOW + timedelta(minutes=minutes), **fields)


def test_the_first_request_is_the_first_attempt():
    assert next_attempt(None, {}, force=False) == 1
    assert next_attempt(None, {}, force=True) == 1


@pytest.mark.parametrize("state", ["requested", "started", "succeeded"])
def test_a_run_that_has_not_failed_answers_an_equal_request(state):
    assert next_attempt(run(3, state, {"a": 1}), {"a": 1}, force=False) is None


@pytest.mark.parametrize("state", ["requested", "started", "succeeded", "failed"])
def test_force_makes_a_new_attempt_whatever_the_state(state):
    assert next_attempt(run(3, state), {"a": 1}, force=True) == 4


def test_after_a_failed_run_comes_a_new_attempt_with_any_parameters():
    assert next_attempt(run(3, "failed"), {}, force=False) == 4
    assert next_attempt(run(3, "failed"), {"a": 1}, force=False) == 4


@pytest.mark.parametrize("state", ["requested", "started", "succeeded"])
def test_other_parameters_are_a_conflict_that_names_the_run(state):
    with pytest.raises(ParametersConflict, match="rfm-2026-01-05-3"):
        next_attempt(run(3, state, {"a": 1}), {"a": 2}, force=False)


@pytest.mark.parametrize("known", ["succeeded", "failed"])
@pytest.mark.parametrize("later", ["requested", "started", "succeeded", "failed"])
def test_a_final_state_is_never_left(known, later):
    final = news(known, minutes=1)

    assert merge(final, news(later, minutes=2)) == final


def test_the_same_news_twice_changes_nothing():
    started = news("started", flow_run_id="f")

    assert merge(started, started) is started


def test_of_two_starts_the_later_one_counts_whatever_their_order():
    first, second = news("started", flow_run_id="first"), news("started", minutes=5, flow_run_id="second")

    assert merge(first, second) == merge(second, first) == second


@pytest.mark.parametrize("order", list(permutations(["requested", "started", "failed"])))
def test_news_in_any_order_give_the_same_step(order):
    at = {"requested": 0, "started": 1, "failed": 2}
    known = None
    for state in order:
        known = merge(known, news(state, minutes=at[state]))

    assert known == news("failed", minutes=2)


@pytest.mark.parametrize("later", ["started", "succeeded", "failed"])
def test_a_refusal_is_followed_by_what_the_flow_run_of_its_replay_says_whatever_their_order(later):
    refused, told = news("failed", minutes=1, flow_run_id=None), news(later, minutes=2, flow_run_id="f")

    assert merge(refused, told) == merge(told, refused) == told


def test_a_refusal_is_not_undone_by_its_request():
    refused = news("failed", flow_run_id=None)

    assert merge(refused, news("requested", minutes=1)) == refused


states = st.sampled_from(["requested", "started", "succeeded", "failed"])


@given(st.lists(st.tuples(states, st.integers(0, 5)), min_size=1))
def test_a_step_only_moves_on(told):
    rank = {"requested": 0, "started": 1, "succeeded": 2, "failed": 2}
    known = None
    for state, minutes in told:
        before, known = known, merge(known, news(state, minutes=minutes))
        assert before is None or rank[known.state] >= rank[before.state]
    assert rank[known.state] == max(rank[state] for state, _ in told)


def test_a_run_is_where_its_step_orchestrate_is():
    steps = [news("failed"), news("started", step="orchestrate")]

    assert state_of(steps) == ("started", None)
    assert state_of([news("failed", step="orchestrate")]) == ("failed", BOOM)
    assert state_of([news("succeeded")]) == ("requested", None)
