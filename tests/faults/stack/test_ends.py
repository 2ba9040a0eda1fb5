"""Runs that cannot succeed, or must not, end with a name; people are told once."""

from datetime import timedelta

import pytest

from tests.e2e.local_stack import TODAY, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.long]


def test_a_cancelled_run_stops_its_steps_and_commits_nothing_more(faults):
    day, run_id = faults.ask(44)
    faults.under_way(run_id, "features")
    orchestrator = faults.flow_run(f"{run_id}/orchestrate")["id"]

    with faults.locked_messenger():  # the step cannot say that it is done, so this is the middle of the run
        faults.prefect("POST", f"/flow_runs/{orchestrator}/set_state", json={"state": {"type": "CANCELLING"}})
        assert faults.ended(orchestrator)["state_type"] == "CANCELLED"
        assert faults.ended(faults.flow_run(f"{run_id}/features")["id"])["state_type"] == "CANCELLED"

    run = faults.stack.settled(run_id)
    assert (run["state"], run["error"]["type"]) == ("failed", "RunCancelled"), run
    assert faults.committed(run_id) in ({"closed"}, {"closed", "features"})
    assert faults.flow_run(f"{run_id}/scoring") is None
    assert faults.scored(day) == []


def test_a_run_of_the_ui_that_is_cancelled_in_line_is_not_asked_for_again(faults):
    day = TODAY - timedelta(days=69)
    run_id = f"rfm-{day}-1"
    with faults.paused_pool("sql-runner"):
        _, before = faults.ask(70)
        wait_for(lambda: faults.has_turn(before) or None, 60, f"the turn of {before}")
        created = faults.orchestrate(day)
        wait_for(lambda: faults.has_turn(run_id) is not None or None, 60, f"{run_id} in line")
        faults.prefect("POST", f"/flow_runs/{created}/set_state", json={"state": {"type": "CANCELLING"}})
        assert faults.ended(created)["state_type"] == "CANCELLED"

    run = faults.stack.settled(run_id)
    assert (run["state"], run["error"]["type"]) == ("failed", "RunCancelled"), run
    faults.long_ago(run_id)
    assert faults.reconcile()["state_type"] == "COMPLETED"
    assert faults.orchestrations(run_id) == []
    assert faults.final(before)["state"] == "succeeded"


def test_two_orchestrators_for_a_date_are_one(faults):
    day = TODAY - timedelta(days=45)
    created = [faults.orchestrate(day) for _ in range(2)]

    assert [faults.ended(one)["state_type"] for one in created] == ["COMPLETED", "COMPLETED"]

    asked = [run for run in faults.stack.runs() if run["run_date"] == str(day)]
    assert [(run["attempt"], run["state"]) for run in asked] == [(1, "succeeded")]


def test_a_step_that_no_worker_takes_has_never_started_and_is_tried_again(faults):
    with faults.paused_pool("sql-runner"):
        _, run_id = faults.ask(46)
        first = faults.stack.settled(run_id)

    assert (first["error"]["type"], first["continued_by"]) == ("NeverStarted", f"{run_id[:-1]}2"), first
    run = faults.final(run_id)
    assert (run["state"], run["attempt"]) == ("succeeded", 2), run


def test_a_crash_loop_ends_after_the_last_attempt_with_a_dead_letter(faults):
    day, run_id = faults.ask(47)
    for attempt in (1, 2, 3):
        faults.kill_step(f"{run_id[:-1]}{attempt}", "features")

    run = faults.final(run_id)
    assert (run["state"], run["attempt"], run["continued_by"]) == ("failed", 3, None), run
    # what the orchestrator does last is to set the request aside
    wait_for(lambda: f"{run_id[:-1]}3" in faults.dead_letters() or None, 60, "the dead letter")
    about = f"rfm {day}"
    assert [title for title in faults.told.titles if about in title] == [f"[crashed] {about}"]
