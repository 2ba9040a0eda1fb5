"""dbt through prefect-dbt, without a server: what Prefect would be told is caught where it is sent."""

import logging
import threading
from datetime import date
from decimal import Decimal

import prefect_dbt.core.runner as theirs
import pytest
from dbt.cli.main import dbtRunner
from prefect import task
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect_dbt.core._tracker import NodeTaskTracker

from tasks.run_dbt import Tracker, run_in_prefect

D = Decimal
JUNE_30 = date(1998, 6, 30)
NOBODY = "http://127.0.0.1:9/api"


class Told:
    """The task runs with their last states, and what was logged."""

    def __init__(self):
        self.last = {}
        self.log = []

    def state(self, task_run, initial_state, validated_state, follows=None):
        self.last[task_run.id] = (task_run.name, validated_state.type.value)

    @property
    def ended_as(self):
        return {name: state for name, state in self.last.values() if not name.startswith("step")}


@pytest.fixture
def told(monkeypatch):
    told = Told()
    client = "prefect.client.orchestration.SyncPrefectClient"
    monkeypatch.setattr(f"{client}.raise_for_api_version_mismatch_once", lambda _: None)
    monkeypatch.setattr("prefect.task_engine.emit_task_run_state_change_event", told.state)
    monkeypatch.setattr("prefect.logging.handlers.APILogHandler.emit", lambda _, record: told.log.append(record.msg))
    with temporary_settings({PREFECT_API_URL: NOBODY}):
        yield told


@task
def step(shop, run_date, by=run_in_prefect):
    return shop.build(run_date, by=by)


def test_every_node_is_a_task_run_that_ends_before_the_step_does(shop, told):
    shop.deliver([("1", "a", JUNE_30, D(10))])

    build = step(shop, JUNE_30)

    assert build.published
    nodes = {f"{node.kind} {node.name}" for node in build.nodes if node.kind in ("model", "test")}
    assert len(nodes) > 15
    assert told.ended_as == dict.fromkeys(nodes, "COMPLETED")
    assert shop.features(JUNE_30) == [("a", 0, 1, D(10))]


def test_a_failed_test_fails_its_task_run_and_prefect_is_left_as_it_was(shop, told):
    loggers = [logging.getLogger("prefect.flow_runs"), logging.getLogger("prefect.task_runs")]
    levels = [logger.level for logger in loggers]
    shop.deliver([("1", "Ann", JUNE_30, D(10**16) - 1), ("2", "Ann", JUNE_30, D(10**16) - 1)])

    build = step(shop, JUNE_30)

    assert [node.name for node in build.failed] == ["not_null_rfm_features_run_monetary"]
    assert told.ended_as["test not_null_rfm_features_run_monetary"] == "FAILED"
    assert told.ended_as["model rfm_features_run"] == "COMPLETED"
    assert "model rfm_features" not in told.ended_as
    assert any("Got 1 result" in line for line in told.log)
    assert [logger.level for logger in loggers] == levels
    assert (theirs.dbtRunner, theirs.NodeTaskTracker) == (dbtRunner, NodeTaskTracker)


def test_the_log_of_a_failed_node_has_no_values_in_it(shop, told):
    shop.deliver_text("order_id,customer_id,order_date,amount\n1,a,1998-06-30,1\n2,secret name,1998-06-30,1,5\n")
    build = step(shop, JUNE_30)
    assert [node.name for node in build.failed] == ["order_intake"]
    assert any("line 3 of the orders file" in line for line in told.log)
    assert "secret" not in " ".join(told.log)


def test_a_build_that_never_began_is_told_by_dbts_own_result(shop, told):
    shop.deliver([("1", "a", JUNE_30, D(10))])
    build = step(shop, JUNE_30, by=lambda parsed, command: run_in_prefect(parsed, [*command, "--no-such-option"]))
    assert "--no-such-option" in build.error
    assert not build.published


def test_the_end_waits_for_task_runs_and_ends_those_that_dbt_left_behind(monkeypatch):
    def run_task(task, *, parameters, **_):
        node_id = parameters["node_id"]
        assert tracker.wait_for_node_completion(node_id, timeout=10)
        threading.Event().wait(0.2)  # the task run reports its end
        return tracker.get_node_status(node_id)["event_data"]["node_info"]["node_status"]

    monkeypatch.setattr("tasks.run_dbt.run_task_sync", run_task)
    tracker = Tracker()
    for node_id in ("done", "left behind"):
        tracker.start_task(node_id, None)
        tracker.run_task_in_thread(node_id, None, None, {"node_id": node_id}, {})
    tracker.set_node_status("done", {"node_info": {"node_status": "success"}}, "")

    tracker.end()

    assert [tracker.get_task_result(node_id) for node_id in ("done", "left behind")] == ["success", "error"]
