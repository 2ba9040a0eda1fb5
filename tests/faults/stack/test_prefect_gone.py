"""The Prefect server hangs or dies before, during and after a run; it only takes longer."""

import pytest

from tests.e2e.local_stack import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.long]


def test_a_server_that_hangs_for_a_minute_before_a_run_only_delays_it(faults):
    with faults.hanging_server():
        _, run_id = faults.ask(53)
        assert faults.stack.run(run_id)["state"] == "requested"

    run = faults.final(run_id, within=240)
    assert (run["state"], run["attempt"]) == ("succeeded", 1), run


def test_a_server_that_hangs_for_a_minute_during_a_run_only_delays_it(faults):
    _, run_id = faults.ask(58)
    faults.under_way(run_id, "features", within=120)

    with faults.hanging_server():
        wait_for(lambda: "features" in faults.committed(run_id) or None, 60, "the commit of the features")

    run = faults.final(run_id, within=240)
    assert (run["state"], run["attempt"]) == ("succeeded", 1), run
    for step in ("features", "scoring", "orchestrate"):
        ended = faults.ended(faults.flow_run(f"{run_id}/{step}")["id"])
        assert ended["state_type"] == "COMPLETED", "nobody took its silence for a death"


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


def test_a_server_that_hangs_for_a_minute_after_a_run_hears_of_its_end_later(faults):
    _, run_id = faults.ask(59)
    server = faults.part("prefect-server")
    wait_for(lambda: faults.stack.run(run_id)["state"] == "succeeded" or None, 180, "the end of the run")

    with faults.hanging_server(server):
        assert faults.stack.run(run_id)["state"] == "succeeded"
        assert faults.stack.flow_processes() != [], "the orchestrator has still to tell the server"

    assert faults.ended(faults.flow_run(f"{run_id}/orchestrate")["id"], within=180)["state_type"] == "COMPLETED"
    report = wait_for(lambda: faults.flow_run(f"{run_id}/report"), 120, "the flow run of the report")
    assert faults.ended(report["id"])["state_type"] == "COMPLETED"


def test_a_server_that_is_killed_under_runs_that_work_wait_and_are_scheduled_loses_none(faults):
    works, waits = (faults.ask(days_ago)[1] for days_ago in (57, 56))
    scheduled = faults.schedule(55)
    faults.under_way(works, "features", within=120)

    with faults.held_warehouse():
        in_line = wait_for(lambda: faults.flow_run(f"{waits}/orchestrate"), 120, "the orchestrator that waits")["id"]
        wait_for(lambda: faults.state(in_line) == "RUNNING" or None, 120, "its place in line")
        assert [faults.stack.run(run_id)["state"] for run_id in (works, waits)] == ["started", "requested"]
        assert faults.state(scheduled) == "SCHEDULED"
        faults.kill_part("prefect-server")

    runs = [faults.final(run_id, within=240) for run_id in (works, waits)]
    assert [(run["state"], run["attempt"]) for run in runs] == [("succeeded", 1)] * 2, runs
    assert faults.state(scheduled) == "SCHEDULED"
    faults.prefect("POST", f"/flow_runs/{scheduled}/set_state", json={"state": {"type": "SCHEDULED"}, "force": True})
    assert faults.ended(scheduled, within=180)["state_type"] == "COMPLETED"
