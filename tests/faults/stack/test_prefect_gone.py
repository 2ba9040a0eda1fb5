"""The Prefect server hangs or dies before, during and after a run; it only takes longer."""

import pytest

from tests.e2e.local_stack import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.long]


def test_a_server_that_hangs_before_and_during_a_run_only_delays_it(faults):
    server = faults.stop_part("prefect-server")
    _, run_id = faults.ask(53)
    assert faults.stack.run(run_id)["state"] == "requested"
    server.resume()

    faults.under_way(run_id, "features", within=120)
    faults.stop_part("prefect-server")
    wait_for(lambda: "features" in faults.committed(run_id) or None, 60, "the commit of the features")
    server.resume()

    run = faults.final(run_id)
    assert (run["state"], run["attempt"]) == ("succeeded", 1), run


def test_a_step_that_is_told_to_end_after_it_has_done_its_work_is_confirmed(faults):
    """It has said how it went, and waits for a server that hangs to take its last state."""
    _, run_id = faults.ask(54)
    process = faults.under_way(run_id, "scoring", within=120)
    server = faults.stop_part("prefect-server")
    wait_for(lambda: faults.step(run_id, "scoring")["state"] == "succeeded" or None, 60, "its last word")

    process.terminate()
    server.resume()

    run = faults.final(run_id)
    assert (run["state"], run["attempt"]) == ("succeeded", 1), run
    assert faults.ended(faults.flow_run(f"{run_id}/orchestrate")["id"])["state_type"] == "COMPLETED"


def test_a_server_that_hangs_after_a_run_hears_of_its_end_later(faults):
    _, run_id = faults.ask(59)
    server = faults.part("prefect-server")
    wait_for(lambda: faults.stack.run(run_id)["state"] == "succeeded" or None, 180, "the end of the run")
    faults.stop(server)
    assert faults.stack.run(run_id)["state"] == "succeeded"
    assert faults.stack.flow_processes() != [], "the orchestrator has still to tell the server"

    server.resume()

    assert faults.ended(faults.flow_run(f"{run_id}/orchestrate")["id"])["state_type"] == "COMPLETED"
    report = wait_for(lambda: faults.flow_run(f"{run_id}/report"), 60, "the flow run of the report")
    assert faults.ended(report["id"])["state_type"] == "COMPLETED"


def test_a_server_that_is_killed_under_runs_that_work_wait_and_are_scheduled_loses_none(faults):
    asked = [faults.ask(days_ago)[1] for days_ago in (57, 56, 55)]
    faults.under_way(asked[0], "features", within=120)

    faults.kill_part("prefect-server")

    runs = [faults.final(run_id, within=240) for run_id in asked]
    assert [run["state"] for run in runs] == ["succeeded"] * 3, runs
