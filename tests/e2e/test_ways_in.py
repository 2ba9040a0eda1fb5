"""Every way in ends in the same confirmed result, through all three roles on a real stack."""

from datetime import timedelta

import duckdb
import httpx
import pytest

from tests.e2e.local_stack import TODAY, LocalStack, wait_for
from tests.invoker.load import ask

pytestmark = pytest.mark.e2e


def scored(stack: LocalStack, run_date) -> list[tuple]:
    """What stands in the warehouse for the date, without the run's own name."""
    query = """
        select customer_id, recency, frequency, monetary, r_score, f_score, m_score, segment
        from rfm_scores where run_date = $1 order by customer_id
    """

    def read():
        try:
            with duckdb.connect(stack.folder / "warehouse.duckdb", read_only=True) as connection:
                return connection.execute(query, [run_date]).fetchall()
        except duckdb.IOException:  # a step holds the file
            return None

    return wait_for(read, 60, "the warehouse file")


def test_a_request_over_http_is_scored_and_confirmed(stack):
    accepted = stack.invoke(TODAY - timedelta(days=10))

    assert accepted.status_code == 202
    run = stack.settled(accepted.json()["run_id"])
    assert run["state"] == "succeeded", run
    # the report may be under way by now
    steps = {step["step"]: step["state"] for step in run["steps"] if step["step"] != "report"}
    assert steps == {"orchestrate": "succeeded", "features": "succeeded", "scoring": "succeeded"}
    facts = next(step["facts"] for step in run["steps"] if step["step"] == "scoring")
    rows = scored(stack, TODAY - timedelta(days=10))
    assert len(rows) == facts["scored"] > 200
    assert facts["rows_in"] == facts["scored"] + facts["rejected"]


def test_a_date_that_is_done_is_answered_at_once_and_force_makes_a_new_attempt(stack):
    day = TODAY - timedelta(days=10)
    first = stack.settled(stack.invoke(day).json()["run_id"])

    again = stack.invoke(day)
    forced = stack.invoke(day, force=True)

    assert (again.status_code, again.json()["run_id"]) == (200, first["run_id"])
    assert forced.status_code == 202
    second = stack.settled(forced.json()["run_id"])
    assert (second["attempt"], second["state"]) == (first["attempt"] + 1, "succeeded")


def test_the_get_of_the_original_works_and_gives_the_same_rows_as_the_command_line(stack):
    day = TODAY - timedelta(days=20)
    got = httpx.get(f"{stack.record.invoker}/invoke", params={"run_date": str(day)}, timeout=30)
    assert stack.settled(got.json()["run_id"])["state"] == "succeeded"
    by_http = scored(stack, day)

    watched = stack.command(
        *("-m", "prefect", "deployment", "run", "orchestrate/rfm"),
        *("--param", f"run_date={day}", "--param", "force=true", "--watch"),
    )

    assert watched.returncode == 0, watched.stdout
    assert scored(stack, day) == by_http
    assert max(run["attempt"] for run in stack.runs() if run["run_date"] == str(day)) == 2


def test_a_run_asked_for_through_prefects_own_api_is_confirmed(stack):
    day = TODAY - timedelta(days=30)
    with httpx.Client(base_url=stack.record.prefect_api, timeout=30) as prefect:
        deployment = prefect.get("/deployments/name/orchestrate/rfm").raise_for_status().json()
        prefect.post(
            f"/deployments/{deployment['id']}/create_flow_run", json={"parameters": {"run_date": str(day)}}
        ).raise_for_status()

    def confirmed():
        return next((r for r in stack.runs() if r["run_date"] == str(day) and r["state"] == "succeeded"), None)

    assert wait_for(confirmed, 90, f"a confirmed run of {day}")["attempt"] == 1


def test_twenty_dates_at_once_are_twenty_flow_runs_of_the_real_server(stack):
    """The pool is paused meanwhile: each is accepted and dispatched, and none is carried out."""
    days = [str(TODAY - timedelta(days=400 + back)) for back in range(20)]
    keys = [f"rfm-{day}-1/orchestrate" for day in days]

    with httpx.Client(base_url=stack.record.prefect_api, timeout=30) as prefect:

        def dispatched():
            wanted = {"flow_runs": {"idempotency_key": {"any_": keys}}}
            return prefect.post("/flow_runs/filter", json=wanted).raise_for_status().json()

        prefect.patch("/work_pools/orchestrator", json={"is_paused": True}).raise_for_status()
        try:
            asked = ask(httpx.URL(stack.record.invoker).port, days, connections=20)
            found = wait_for(lambda: found if len(found := dispatched()) == len(keys) else None, 60, "20 flow runs")
            for flow_run in found:
                cancelled = {"state": {"type": "CANCELLED"}, "force": True}
                prefect.post(f"/flow_runs/{flow_run['id']}/set_state", json=cancelled).raise_for_status()
        finally:
            prefect.patch("/work_pools/orchestrator", json={"is_paused": False}).raise_for_status()

    assert [one.status for one in asked] == [202] * 20
    assert sorted(flow_run["idempotency_key"] for flow_run in found) == sorted(keys)
    assert {stack.settled(key.partition("/")[0])["error"]["type"] for key in keys} == {"Cancelled"}


def test_a_bad_date_on_the_command_line_fails_with_a_clear_message(stack):
    refused = stack.command(
        *("-m", "prefect", "deployment", "run", "orchestrate/rfm"), *("--param", "run_date=2026-02-30", "--watch")
    )

    assert refused.returncode != 0
    assert [run for run in stack.runs() if run["run_date"] == "2026-02-30"] == []


def test_the_schedule_fires_by_itself_and_its_run_is_of_the_scheduled_day(stack):
    def confirmed():
        return next((r for r in stack.runs() if r["run_date"] == str(TODAY) and r["state"] == "succeeded"), None)

    run = wait_for(confirmed, 180, "a confirmed run that the schedule started")

    assert run["requested_by"].startswith("prefect flow run")
    assert len(scored(stack, TODAY)) == 300
