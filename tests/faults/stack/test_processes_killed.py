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
