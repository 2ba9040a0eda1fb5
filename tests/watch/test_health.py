"""Each check looks at its part as a run would use it: real files, a real Prefect server."""

import json
from contextlib import closing
from datetime import UTC, date, datetime
from uuid import uuid4

import duckdb
import pytest
from prefect.client.orchestration import get_client

from messenger.contract import ORCHESTRATE, RunStatus
from messenger.messenger import INVOKER_REQUESTS, REQUESTS
from tasks.health import Unhealthy, require_health, tell_changes
from tests.processes import HOLD_WAREHOUSE, process
from watch import health, late
from watch.due import Due
from watch.finding import Check, examine
from watch.health import NoAnswer, NotWell
from wiring import open_messenger, open_register, open_warehouse

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def client(prefect):
    with get_client(sync_client=True) as client:
        yield client


def note(settings, run_id, state):
    pipeline, run_date, attempt = run_id.split("-")[0], run_id[-12:-2], int(run_id[-1])
    with closing(open_register(settings)) as register:
        register.note_status(
            RunStatus(
                run_id=run_id,
                pipeline=pipeline,
                step=ORCHESTRATE,
                run_date=run_date,
                attempt=attempt,
                state=state,
                error={"type": "Broken", "message": "why"} if state == "failed" else None,
                at=datetime.now(UTC),
            )
        )


def test_a_message_goes_out_and_comes_back(configured):
    settings = configured()
    with pytest.raises(NotWell, match="make messenger-setup"):
        health.messages_arrive(settings)

    with closing(open_messenger(settings)) as messenger:
        messenger.setup()
    assert "back in" in health.messages_arrive(settings).said


def test_dead_letters_wait_for_a_person(configured):
    settings = configured()
    with closing(open_messenger(settings)) as messenger:
        messenger.setup()
        assert not health.no_dead_letters(settings).alerts
        messenger.publish(REQUESTS, b"{", {})
        [delivery] = messenger.pull(INVOKER_REQUESTS, limit=1, wait=1)
        messenger.bury(delivery, "the body is not JSON")

    [alert] = health.no_dead_letters(settings).alerts
    assert alert.cause == "dead-letters"
    assert "the body is not JSON" in alert.text


def test_an_invoker_that_does_not_answer_is_named(configured):
    with pytest.raises(NoAnswer, match=r"127\.0\.0\.1:9 does not answer"):
        health.invoker_is_ready(configured(INVOKER_PORT=9))


def test_a_warehouse_that_another_process_holds_is_busy_and_not_broken(configured, tmp_path):
    settings = configured(WAREHOUSE_LOCK_WAIT="0.2")
    assert "nothing is scored yet" in health.warehouse_opens(settings).said
    with process(HOLD_WAREHOUSE, tmp_path / "warehouse.duckdb") as holder:
        assert holder.stdout.readline() == "held\n"
        found = examine(Check("warehouse", lambda: health.warehouse_opens(settings)))

    assert found.state == "busy"
    assert f"process {holder.pid}" in found.said


def test_a_damaged_warehouse_is_broken(configured, tmp_path):
    (tmp_path / "warehouse.duckdb").write_bytes(b"no database" * 1000)

    assert examine(Check("warehouse", lambda: health.warehouse_opens(configured()))).state == "failed"


def test_the_newest_scored_date_is_said(configured, tmp_path):
    settings = configured()
    open_warehouse(settings).prepare()
    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        connection.execute(
            "insert into run_ledger values ('rfm-2026-11-23-1', 'rfm', 'scoring', '2026-11-23', 1, '', '{}', now())"
        )

    assert "2026-11-23" in health.warehouse_opens(settings).said


def given_scored(settings, run_date, features_facts):
    """A run_date whose scores build on the features of an earlier attempt."""
    open_warehouse(settings).prepare()
    row = "insert into run_ledger values (?, 'rfm', ?, ?, ?, '', ?, now())"
    with duckdb.connect(settings.warehouse.path) as connection:
        connection.execute(row, [f"rfm-{run_date}-1", "features", run_date, 1, json.dumps(features_facts)])
        built_on = json.dumps({"features_run": f"rfm-{run_date}-1"})
        connection.execute(row, [f"rfm-{run_date}-2", "scoring", run_date, 2, built_on])


class TestOrders:
    """How old the newest order was on the newest scored date."""

    @pytest.mark.parametrize(("newest", "state"), [("1998-06-16", "ok"), ("1998-06-15", "failed"), (None, "failed")])
    def test_they_are_fresh_by_the_setting_and_as_of_the_run_date(self, configured, newest, state):
        settings = configured(SOURCE_ORDERS_DUE=14)
        given_scored(settings, "1998-05-31", {"newest_order": "1998-01-01"})
        given_scored(settings, "1998-06-30", {"newest_order": newest})

        found = examine(Check("orders", lambda: health.orders_are_fresh(settings)))

        assert (found.state, len(found.alerts)) == (state, int(state == "failed"))
        assert "1998-06-30" in found.said

    def test_nothing_is_said_of_a_date_that_was_scored_before_it_was_kept(self, configured):
        settings = configured()
        open_warehouse(settings).prepare()
        assert "nothing is scored yet" in health.orders_are_fresh(settings).said
        given_scored(settings, "1998-06-30", {})

        assert "not known" in health.orders_are_fresh(settings).said


def given_deployment(client, flow, name):
    """On a pool of its own, which nobody works for."""
    pool = f"pool-{uuid4().hex[:8]}"
    client.request("POST", "/work_pools/", json={"name": pool, "type": "process", "base_job_template": {}})
    client.create_deployment(flow_id=client.create_flow_from_name(flow), name=name or pool, work_pool_name=pool)
    return pool


def test_a_pool_that_deployments_use_needs_a_worker(configured, client):
    settings = configured()
    health.pools_have_workers(client, settings)
    pool = given_deployment(client, "health", None)

    with pytest.raises(NotWell, match=pool):
        health.pools_have_workers(client, settings)

    client.request("POST", f"/work_pools/{pool}/workers/heartbeat", json={"name": "worker"})
    assert "have workers" in health.pools_have_workers(client, settings).said


def test_a_pool_on_a_platform_that_no_step_runs_on_needs_none(configured, client):
    pool = given_deployment(client, "scoring", "vertex-ai")

    health.pools_have_workers(client, configured(STEPS_PLATFORM="cloud-run"))
    with pytest.raises(NotWell, match=pool):
        health.pools_have_workers(client, configured(STEPS_ELSEWHERE="rfm/scoring=vertex-ai"))
    client.request("POST", f"/work_pools/{pool}/workers/heartbeat", json={"name": "worker"})


def test_a_date_that_any_attempt_has_confirmed_is_not_late(client, configured, monkeypatch):
    settings = configured(ORCHESTRATOR_CATCH_UP="none")
    monkeypatch.setattr(late, "due_dates", lambda *_, **__: [Due("rfm", date(2026, 11, 23), LONG_AGO)])

    note(settings, "rfm-2026-11-23-1", "failed")
    [alert] = health.dates_are_confirmed(client, settings).alerts
    note(settings, "rfm-2026-11-23-2", "succeeded")

    assert (alert.cause, alert.about) == ("late", "rfm 2026-11-23")
    assert not health.dates_are_confirmed(client, settings).alerts


def test_a_run_of_which_nothing_is_heard_is_stuck(configured):
    settings = configured(ALERTS_STUCK_AFTER=0.001)
    note(settings, "rfm-2026-11-16-1", "succeeded")
    note(settings, "rfm-2026-11-23-1", "started")

    [alert] = health.runs_move(settings).alerts

    assert (alert.cause, alert.about, alert.run_id) == ("stuck", "rfm 2026-11-23", "rfm-2026-11-23-1")
    assert not health.runs_move(configured(ALERTS_STUCK_AFTER=60)).alerts


def test_people_are_told_of_a_change_alone(prefect, receiver, configured):
    broken = Check(f"part-{uuid4().hex[:8]}", lambda: health.invoker_is_ready(configured(INVOKER_PORT=9)))
    well = Check(broken.name, lambda: health.Found("ready"))

    for check in (well, broken, broken, well, well):
        tell_changes.fn([examine(check)])

    assert receiver.titles == [f"[health] {broken.name}", f"[recovered] {broken.name}"]


def test_a_channel_that_is_down_is_a_finding(prefect, receiver):
    receiver.status = 500
    part = f"part-{uuid4().hex[:8]}"
    broken = Check(part, lambda: (_ for _ in ()).throw(NotWell("broken")))
    tell_changes.fn([examine(broken)])

    found = examine(Check("alerts", health.alerts_are_told))

    assert found.state == "failed"
    assert f"health {part}" in found.said


def test_the_flow_run_is_as_red_as_the_system_is():
    with pytest.raises(Unhealthy, match="invoker: down"):
        require_health([examine(Check("invoker", lambda: (_ for _ in ()).throw(NotWell("down"))))])
    require_health([examine(Check("invoker", lambda: health.Found("ready")))])
