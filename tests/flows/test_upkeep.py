"""The flows around the runs, carried out in this process against a real Prefect server."""

import json
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from flows.backfill import backfill
from flows.healthcheck import healthcheck
from flows.housekeeping import housekeeping
from messenger.contract import ORCHESTRATE, RunRequest, RunStatus
from messenger.messenger import INVOKER_REQUESTS
from tasks import backfill as backfill_task
from tasks.backfill import BackfillIncomplete
from tasks.health import Unhealthy
from tasks.reconcile import settle_flow_runs
from wiring import open_messenger, open_register


def artifact(api, key):
    wanted = {"artifacts": {"key": {"any_": [key]}}, "sort": "CREATED_DESC", "limit": 1}
    [found] = httpx.post(f"{api}/artifacts/filter", json=wanted, timeout=30).json()
    return found


@pytest.fixture
def workload(configured, monkeypatch):
    """Ends each run that was asked for as told, whenever it is looked at."""
    settings = configured()
    fails = set()
    with closing(open_messenger(settings)) as messenger, closing(open_register(settings)) as register:
        messenger.setup()

        def look(_request):
            for delivery in messenger.pull(INVOKER_REQUESTS, limit=1, wait=0):
                heard = RunRequest.model_validate_json(delivery.body)
                failed = str(heard.run_date) in fails
                status = RunStatus(
                    **heard.model_dump(include={"run_id", "pipeline", "run_date", "attempt"}),
                    step=ORCHESTRATE,
                    state="failed" if failed else "succeeded",
                    error={"type": "StepFailed", "message": "no orders"} if failed else None,
                    at=datetime.now(UTC),
                )
                register.note_status(status)
                messenger.ack(delivery)

        monkeypatch.setattr(backfill_task, "find_flow_run", look)
        yield fails


def test_a_backfill_shows_each_date_and_its_progress(prefect, workload):
    backfill("2026-06-01", "2026-06-15", step="week")

    rows = json.loads(artifact(prefect, "backfill")["data"])
    assert [(row["run_date"], row["state"]) for row in rows] == [
        ("2026-06-01", "confirmed"),
        ("2026-06-08", "confirmed"),
        ("2026-06-15", "confirmed"),
    ]
    progress = artifact(prefect, "backfill-progress")
    assert progress["data"] == 100
    assert progress["description"] == "3 of 3: 2026-06-15 confirmed"


def test_a_backfill_with_a_failed_date_fails_after_all_others_are_done(prefect, workload):
    workload.add("2026-06-02")

    with pytest.raises(BackfillIncomplete, match="2 confirmed, 1 failed"):
        backfill("2026-06-01", "2026-06-03")

    rows = json.loads(artifact(prefect, "backfill")["data"])
    assert rows[1]["said"] == "StepFailed: no orders"


def test_the_health_check_shows_all_parts_and_fails_when_one_does(prefect, configured):
    settings = configured(INVOKER_PORT=9)
    with closing(open_messenger(settings)) as messenger:
        messenger.setup()

    with pytest.raises(Unhealthy, match="invoker: http"):
        healthcheck()

    shown = artifact(prefect, "health")
    states = {row["part"]: row["state"] for row in json.loads(shown["data"])}
    assert states["invoker"] == "failed"
    assert states["messenger"] == states["warehouse"] == states["orders"] == "ok"
    assert "invoker" in shown["description"]


def test_housekeeping_shows_what_it_would_remove(prefect, configured):
    configured()

    housekeeping(dry_run=True)

    shown = artifact(prefect, "housekeeping")
    assert "would be removed" in shown["description"]
    assert {row["what"] for row in json.loads(shown["data"])} == {"flow runs", "subscriptions", "staging"}
    assert {row["removed"] for row in json.loads(shown["data"])} == {0}


@pytest.mark.parametrize(
    ("told", "minutes_ago", "ends_as"),
    [("succeeded", 5, "COMPLETED"), ("failed", 5, "FAILED"), ("succeeded", 1, "RUNNING"), ("started", 5, "RUNNING")],
)
def test_a_flow_run_left_running_after_its_run_has_ended_is_ended_by_reconcile(
    prefect, configured, told, minutes_ago, ends_as
):
    left = httpx.post(f"{prefect}/flows/", json={"name": "left"}, timeout=30).json()["id"]
    running = {"flow_id": left, "state": {"type": "RUNNING"}}
    flow_run = httpx.post(f"{prefect}/flow_runs/", json=running, timeout=30).raise_for_status().json()["id"]
    then = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    with closing(open_messenger(configured())) as messenger, closing(open_register(configured())) as register:
        messenger.setup()
        run, _ = register.claim("rfm", date(2026, 6, 1), {}, force=False, requested_by="test", now=then)
        register.note_status(
            RunStatus(
                **run.model_dump(include={"run_id", "pipeline", "run_date", "attempt"}),
                step=ORCHESTRATE,
                state=told,
                error={"type": "StepFailed", "message": "no orders"} if told == "failed" else None,
                flow_run_id=flow_run,
                at=then,
            )
        )

        settle_flow_runs(register, datetime.now(UTC))

    assert httpx.get(f"{prefect}/flow_runs/{flow_run}", timeout=30).json()["state_type"] == ends_as
