"""A backfill on the real stack leaves what single runs leave, and goes on after a kill; so do its neighbours' flows."""

import dataclasses
import json
from datetime import timedelta

import httpx
import pytest

from tests.e2e.local_stack import TODAY, LocalStack, wait_for
from tests.e2e.test_ways_in import scored

pytestmark = pytest.mark.e2e

DAYS = [TODAY - timedelta(days=number) for number in (43, 42, 41)]


def backfill(stack: LocalStack, **given: str):
    environment = {**stack.environment, "FROM": str(DAYS[0]), "TO": str(DAYS[-1]), **given}
    return dataclasses.replace(stack, environment=environment).command("-m", "deployments.backfill", within=400)


def newest(stack: LocalStack, flow: str) -> dict | None:
    wanted = {"flows": {"name": {"any_": [flow]}}, "sort": "EXPECTED_START_TIME_DESC", "limit": 1}
    found = httpx.post(f"{stack.record.prefect_api}/flow_runs/filter", json=wanted, timeout=30).json()
    return found[0] if found else None


def confirmed(stack: LocalStack) -> list[str]:
    dates = {str(day) for day in DAYS}
    return [run["run_id"] for run in stack.runs() if run["run_date"] in dates and run["state"] == "succeeded"]


@pytest.mark.timeout(900)
def test_a_backfill_that_is_killed_goes_on_and_leaves_what_single_runs_leave(stack):
    def kill_after_the_first_date():
        if not confirmed(stack) or (flow_run := newest(stack, "backfill")) is None:
            return None
        processes = stack.flow_processes(flow_run["id"])
        for process in processes:
            process.kill()
        return processes or None

    environment = {**stack.environment, "FROM": str(DAYS[0]), "TO": str(DAYS[-1])}
    with dataclasses.replace(stack, environment=environment).started("-m", "deployments.backfill") as first:
        wait_for(kill_after_the_first_date, 300, "the process of the backfill")
        output, _ = first.communicate(timeout=300)
    assert first.returncode == 1, output
    assert "goes on where it was" in output

    again = backfill(stack)

    assert again.returncode == 0, again.stdout
    assert "taken up again" in again.stdout
    assert len(confirmed(stack)) == len(DAYS)
    by_backfill = [scored(stack, day) for day in DAYS]
    for day in DAYS:
        assert stack.settled(stack.invoke(day, force=True).json()["run_id"])["state"] == "succeeded"
    assert [scored(stack, day) for day in DAYS] == by_backfill


def test_what_is_confirmed_is_skipped_in_a_later_backfill(stack):
    skipped = backfill(stack, TO=str(DAYS[0]), STEP="week")

    assert skipped.returncode == 0, skipped.stdout
    assert "1 skipped" in skipped.stdout or "1 confirmed" in skipped.stdout


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"FROM": "1998-02-30"}, "1998-02-30"),
        ({"TO": "1998-01-01"}, "no dates to go through"),
        ({"STEP": "year"}, "year"),
    ],
)
def test_what_cannot_be_a_backfill_is_refused_at_once(stack, given, said):
    refused = backfill(stack, **given)

    assert refused.returncode == 2
    assert said in refused.stdout
    assert "usage: make backfill" in refused.stdout


def test_the_health_check_finds_the_stack_well_and_shows_it(stack):
    checked = stack.command(*("-m", "prefect", "deployment", "run", "healthcheck/system", "--watch"))

    wanted = {"artifacts": {"key": {"any_": ["health"]}}, "sort": "CREATED_DESC", "limit": 1}
    [artifact] = httpx.post(f"{stack.record.prefect_api}/artifacts/filter", json=wanted, timeout=30).json()
    found = {row["part"]: row["state"] for row in json.loads(artifact["data"])}
    assert {part for part, state in found.items() if state == "failed"} == set(), artifact["data"]
    assert set(found) >= {"messenger", "invoker", "warehouse", "workers", "dates", "runs", "dead letters", "alerts"}
    assert checked.returncode == 0, checked.stdout


def test_housekeeping_shows_what_it_would_remove_and_removes_nothing(stack):
    runs = newest(stack, "orchestrate")

    done = stack.command(
        *("-m", "prefect", "deployment", "run", "housekeeping/system", "--param", "dry_run=true", "--watch")
    )

    assert done.returncode == 0, done.stdout
    assert newest(stack, "orchestrate") is not None or runs is None
