"""Processes die at the worst moments, and every date that was asked for ends confirmed, once."""

import pytest

from tests.e2e.local_stack import wait_for

pytestmark = pytest.mark.e2e
STEPS = {"features", "scoring"}
ALL = {*STEPS, "published"}
"""What the ledger has of a run that is done."""


@pytest.mark.long
@pytest.mark.parametrize(("step", "days_ago"), [("features", 40), ("scoring", 41)])
def test_a_step_that_is_killed_goes_on_as_the_next_attempt_without_doing_again_what_stands(faults, step, days_ago):
    day, run_id = faults.ask(days_ago)

    faults.kill_step(run_id, step)

    run = faults.final(run_id)
    assert (run["state"], run["attempt"]) == ("succeeded", 2), run
    first = faults.stack.run(run_id)
    assert (first["state"], first["error"]["type"], first["continued_by"]) == ("failed", "StepLost", run["run_id"])
    done_before = {"features"} if step == "scoring" else set()
    assert faults.committed(run_id) == {"closed"} | done_before
    assert faults.committed(run["run_id"]) == ALL - done_before
    assert len(faults.scored(day)) > 200


@pytest.mark.long
def test_a_step_killed_between_its_commit_and_its_status_is_settled_from_the_ledger(faults):
    _, run_id = faults.ask(42)
    process = faults.under_way(run_id, "features")

    with faults.locked_messenger():
        wait_for(lambda: "features" in faults.committed(run_id) or None, 60, "the commit of the features")
        process.kill()

    run = faults.final(run_id)
    assert (run["state"], run["attempt"]) == ("succeeded", 1), run
    assert faults.committed(run_id) == ALL


def test_a_step_killed_between_its_commit_and_its_files_is_done_again_and_readers_get_them(faults):
    day, run_id = faults.ask(49)
    with faults.held_publication(day, run_id):
        process = faults.under_way(run_id, "scoring")
        wait_for(lambda: "scoring" in faults.committed(run_id) or None, 60, "the commit of the scores")
        process.kill()
        run = faults.final(run_id)

    assert (run["state"], run["attempt"]) == ("succeeded", 2), run
    assert faults.committed(run_id) == {"closed", *STEPS}
    assert faults.committed(run["run_id"]) == {"scoring", "published"}
    assert faults.manifest(day)["run_id"] == run["run_id"]


@pytest.mark.long
def test_a_step_that_is_killed_before_it_has_begun_is_tried_again(faults):
    _, run_id = faults.ask(60)

    faults.starting(run_id, "features").kill()

    run = faults.final(run_id)
    assert (run["state"], run["attempt"]) == ("succeeded", 2), run
    assert faults.committed(run_id) == {"closed"}
    assert faults.committed(run["run_id"]) == ALL


@pytest.mark.long
def test_a_worker_that_is_killed_between_its_steps_commit_and_status_is_not_missed(faults):
    _, run_id = faults.ask(61)
    faults.under_way(run_id, "features")

    with faults.locked_messenger():
        wait_for(lambda: "features" in faults.committed(run_id) or None, 120, "the commit of the features")
        faults.kill_part("workers")

    run = faults.final(run_id, within=240)
    assert (run["state"], run["attempt"]) == ("succeeded", 1), run


@pytest.mark.long
@pytest.mark.parametrize(("step", "committed", "days_ago"), [("features", {"features"}, 62), ("scoring", ALL, 43)])
def test_a_killed_orchestrator_is_taken_up_by_reconcile_and_nothing_is_done_twice(faults, step, committed, days_ago):
    _, run_id = faults.ask(days_ago)
    faults.under_way(run_id, step)
    faults.kill_step(run_id, "orchestrate")
    faults.ended(faults.flow_run(f"{run_id}/orchestrate")["id"])
    wait_for(lambda: faults.committed(run_id) == committed or None, 120, "the end of the step that went on")
    faults.long_ago(run_id)

    assert faults.reconcile()["state_type"] == "COMPLETED"

    run = faults.final(run_id)
    assert (run["state"], run["attempt"]) == ("succeeded", 1), run
    assert faults.committed(run_id) == ALL
    assert faults.orchestrations(run_id) == [f"{run_id}/orchestrate", f"{run_id}/orchestrate/2"]


@pytest.mark.long
def test_workers_that_are_killed_at_each_step_of_a_run_keep_it_from_nothing(faults):
    faults.stop_part("workers")
    _, run_id = faults.ask(50)
    wait_for(lambda: faults.flow_run(f"{run_id}/orchestrate"), 60, "the flow run of the orchestrator")
    faults.kill_part("workers")  # before it could start

    faults.under_way(run_id, "features")
    faults.kill_part("workers")
    faults.under_way(run_id, "scoring", within=120)
    faults.kill_part("workers")

    run = faults.final(run_id, within=240)
    assert (run["state"], run["attempt"]) == ("succeeded", 1), run
    assert faults.committed(run_id) == ALL
