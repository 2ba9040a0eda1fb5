"""Runs of a pipeline go one at a time and in the order of their dates, and nobody waits for the dead."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest

from tests.messages import DAY, NOW, status

LEASE, PATIENCE = timedelta(seconds=30), timedelta(seconds=60)
WEEK = timedelta(days=7)
LATER = NOW + PATIENCE
"""Whoever was asked for at NOW and is not in the line by now is not waited for."""


@pytest.fixture
def runs(register):
    """Three runs of three weeks, asked for in the wrong order."""
    days = [DAY + 2 * WEEK, DAY, DAY + WEEK]
    claimed = [register.claim("rfm", day, {}, force=False, requested_by="test", now=NOW)[0].run_id for day in days]
    return sorted(claimed)


def take(register, run_id, holder=None, *, now=LATER, at_once=1):
    return register.take_turn(
        run_id, holder or f"of {run_id}", at_once=at_once, lease=LEASE, patience=PATIENCE, now=now
    )


def test_one_at_a_time_and_the_next_after_its_end(register, runs):
    first, second, _ = runs

    assert take(register, first).mine
    assert take(register, second).before == first
    assert take(register, first).mine
    register.end_turn(first, f"of {first}")
    assert take(register, second).mine


def test_earlier_dates_go_first_whoever_came_first(register, runs):
    first, second, third = runs
    take(register, first)
    take(register, third)
    take(register, second)
    register.end_turn(first, f"of {first}")

    assert take(register, third).before == second
    assert take(register, second).mine


def test_a_date_just_asked_for_is_waited_for_until_its_orchestrator_had_time_to_start(register, runs):
    first, second, _ = runs

    assert take(register, second, now=NOW + timedelta(seconds=1)).before == first
    assert take(register, second, now=LATER).mine


def test_a_date_that_failed_or_is_done_is_not_waited_for(register, runs):
    third = runs[2]
    register.note_status(status("failed", run_date=DAY))
    register.note_status(status("succeeded", run_date=DAY + WEEK))

    assert take(register, third, now=NOW).mine


def test_a_dead_holder_and_a_dead_waiter_hold_nobody_up(register, runs):
    first, second, third = runs
    take(register, first)
    take(register, second)

    assert take(register, third, now=LATER + LEASE).mine


def test_who_is_heard_of_keeps_the_turn_and_who_was_not_has_lost_it(register, runs):
    first, second, _ = runs
    take(register, first)

    assert register.keep_turn(first, f"of {first}", lease=LEASE, now=LATER + LEASE / 2)
    assert take(register, second, now=LATER + LEASE).before == first
    assert not register.keep_turn(first, f"of {first}", lease=LEASE, now=LATER + 2 * LEASE)
    assert take(register, second, now=LATER + 2 * LEASE).mine


def test_two_holders_of_one_run_are_told_apart_and_the_second_takes_over_from_the_dead(register, runs):
    first = runs[0]
    assert take(register, first, "process 1").mine

    assert take(register, first, "process 2").before == first
    assert register.holder_of(first, now=LATER) == "process 1"
    assert take(register, first, "process 2", now=LATER + LEASE).mine
    assert not register.keep_turn(first, "process 1", lease=LEASE, now=LATER + LEASE)
    register.end_turn(first, "process 1")
    assert register.holder_of(first, now=LATER + LEASE) == "process 2"


def test_several_at_once_where_allowed_but_never_two_of_one_date(register, runs):
    first, second, third = runs
    forced = register.claim("rfm", DAY, {}, force=True, requested_by="test", now=NOW)[0].run_id

    assert take(register, first, at_once=2).mine
    assert take(register, forced, at_once=2).before == first
    assert take(register, second, at_once=2).before == forced
    register.end_turn(first, f"of {first}")
    assert take(register, forced, at_once=2).mine
    assert take(register, second, at_once=2).mine
    assert not take(register, third, at_once=2).mine


def test_pipelines_do_not_wait_for_each_other(register, runs):
    other = register.claim("churn", DAY + WEEK, {}, force=False, requested_by="test", now=NOW)[0].run_id
    take(register, runs[0])

    assert take(register, other).mine


def failed(run_id, attempt=1):
    told = status("failed", attempt=attempt)
    return told.model_copy(update={"facts": {"continued_by": f"rfm-{DAY}-{attempt + 1}"}, "flow_run_id": "f-1"})


def test_a_failed_run_goes_on_as_the_next_attempt_with_its_parameters(register):
    run = register.claim("rfm", DAY, {"rules": "tercile"}, force=False, requested_by="test", now=NOW)[0]

    following = register.go_on(failed(run.run_id), requested_by="orchestrator", now=NOW)

    assert (following.run_id, following.parameters) == (f"rfm-{DAY}-2", {"rules": "tercile"})
    assert following.published
    assert (register.get(run.run_id).state, register.get(run.run_id).continued_by) == ("failed", following.run_id)


def test_it_does_not_go_on_where_somebody_has_asked_for_a_newer_attempt(register):
    run = register.claim("rfm", DAY, {}, force=False, requested_by="test", now=NOW)[0]
    register.claim("rfm", DAY, {}, force=True, requested_by="test", now=NOW)

    assert register.go_on(failed(run.run_id), requested_by="orchestrator", now=NOW) is None
    assert register.get(run.run_id).state == "requested"
    assert len(register.list()) == 2


def test_the_last_date_before_is_found_with_its_newest_attempt(register, runs):
    register.claim("rfm", DAY + WEEK, {}, force=True, requested_by="test", now=NOW)

    assert register.last_before("rfm", DAY + 2 * WEEK).run_id == f"rfm-{DAY + WEEK}-2"
    assert register.last_before("rfm", DAY) is None
    assert register.last_before("rfm", date(2030, 1, 1)).run_id == runs[2]


def test_of_many_that_ask_at_once_one_has_the_turn_and_one_goes_on(store, runs):
    registers = [store.open() for _ in range(4)]
    first = runs[0]
    run = registers[0].get(first)
    boom = failed(first).model_copy(update={"attempt": run.attempt})

    with ThreadPoolExecutor(8) as pool:
        turns = list(pool.map(lambda n: take(registers[n % 4], first, f"process {n}"), range(16)))
        following = list(pool.map(lambda n: registers[n % 4].go_on(boom, requested_by="test", now=NOW), range(8)))

    assert [turn.mine for turn in turns].count(True) == 1
    assert [run.run_id for run in following if run] == [f"rfm-{DAY}-2"]
