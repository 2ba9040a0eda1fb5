"""The report's flow on a real Prefect server: artifacts on both flow runs, people told, and no run harmed."""

import json
from datetime import timedelta
from types import SimpleNamespace
from uuid import UUID

import httpx
import pytest
from prefect import flow, runtime
from prefect.client.orchestration import get_client

from flows.report import report as report_flow
from messenger.messenger import STATUSES
from rfm.read_rules import rules_named
from settings import get_settings
from snapshot.read import Snapshot
from tasks.carrier import ASKED_BY, flow_run_in
from tests.warehouse.given_features import RUN_DATE, WINDOW, given_features, given_request, given_warehouse
from tests.watch.conftest import close_all
from watch import book
from wiring import open_messenger
from workload.models import FROZEN
from workload.publish import publish
from workload.score import score

FITTED = RUN_DATE - timedelta(days=7)
ROWS = [(f"c{n}", n * 5 % 300, 1 + n % 6, f"{n * n / 4:.2f}") for n in range(60)]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Settings of a folder of its own."""
    monkeypatch.setenv("WAREHOUSE_PATH", str(tmp_path / "warehouse.duckdb"))
    monkeypatch.setenv("PUBLISHED_PATH", str(tmp_path / "published"))
    monkeypatch.setenv("MESSENGER_PATH", str(tmp_path / "messenger.db"))
    monkeypatch.setenv("INVOKER_PORT", "8123")
    get_settings.cache_clear()
    yield tmp_path
    get_settings.cache_clear()


def given_run(place, rows=ROWS, run_date=RUN_DATE, *, published=True, **parameters):
    warehouse = given_warehouse(place / "warehouse.duckdb")
    request = given_features(place / "warehouse.duckdb", rows, given_request(run_date, **parameters))
    score(warehouse, request, rules_named("quintile"), window_days=WINDOW)
    if published:
        publish(warehouse, request, place / "published")
    return request


@flow
def asking(request) -> str:
    """Stands for the orchestrator: it asks for the report and has ended when that is made."""
    return str(runtime.flow_run.id)


def carried_out(request):
    """Asks as the orchestrator does, and runs the report's flow; what became of both."""
    orchestrator = asking(request)
    asked = request.model_copy(update={"step": "report", "requested_by": f"{ASKED_BY}{orchestrator}"})
    state = report_flow(asked, return_state=True)
    return SimpleNamespace(state=state, orchestrator=orchestrator, own=str(state.state_details.flow_run_id))


def artifacts(api, flow_run):
    wanted = {"artifacts": {"flow_run_id": {"any_": [flow_run]}}}
    found = httpx.post(f"{api}/artifacts/filter", json=wanted).raise_for_status().json()
    return {one["key"]: one for one in found}


def test_a_report_is_shown_on_its_own_flow_run_and_on_that_of_the_run(prefect, place):
    request = given_run(place)
    done = carried_out(request)
    assert done.state.is_completed()
    assert (place / "published" / "rfm" / str(RUN_DATE) / "report.html").exists()
    assert Snapshot(place / "published" / "snapshots" / "rfm" / f"{RUN_DATE}.sqlite").about.run_id == request.run_id
    for flow_run in (done.own, done.orchestrator):
        found = artifacts(prefect, flow_run)
        assert {"report", "segments", "data-quality", "picture-map-customers", "picture-treemap-revenue"} <= set(found)
        assert f"http://127.0.0.1:8123/report/{RUN_DATE}" in found["report"]["data"]
        assert sum(row["customers"] for row in json.loads(found["segments"]["data"])) == 60
        assert found["picture-map-customers"]["data"].startswith("data:image/png;base64,")


def test_what_the_step_says_of_itself_is_where_the_page_is(prefect, place):
    request = given_run(place)
    messenger = open_messenger()
    messenger.subscribe("listener", STATUSES, run_id=request.run_id, expires_after=timedelta(hours=1))
    carried_out(request)
    statuses = [json.loads(delivery.body) for delivery in messenger.pull("listener", limit=10, wait=5)]
    messenger.close()
    assert [one["state"] for one in statuses] == ["started", "succeeded"]
    assert statuses[-1]["facts"]["report"] == f"http://127.0.0.1:8123/report/{RUN_DATE}"


def test_a_report_that_fails_is_seen_and_told_and_recovers(prefect, place):
    request = given_run(place, published=False)
    assert carried_out(request).state.is_failed()
    assert [one.alert.cause for one in told(prefect)] == ["report"]
    publish(given_warehouse(place / "warehouse.duckdb"), request, place / "published")
    assert carried_out(request).state.is_completed()
    assert told(prefect) == []


def test_customers_who_have_shifted_since_the_fit_are_told_once_for_all_dates_of_the_model(prefect, place):
    shifted = [(name, 600, *rest) for name, _, *rest in ROWS]
    fitted = given_run(place, run_date=FITTED)
    carried_out(given_run(place, shifted, model=FROZEN))
    [one] = told(prefect, "rfm")
    assert (one.alert.cause, one.alert.run_id) == ("drift", f"rfm-{RUN_DATE}-1")
    assert "recency has moved by a PSI of" in one.alert.text

    carried_out(given_run(place, shifted, RUN_DATE + timedelta(days=7), model=FROZEN))
    carried_out(fitted)
    assert told(prefect, "rfm") == [one], "a later date is the same drift, and an earlier one says nothing of it"


@pytest.mark.parametrize("parameters", [{}, {"model": FROZEN}])
def test_a_drift_is_over_when_edges_are_fitted_anew_or_the_customers_are_as_they_were(prefect, place, parameters):
    given_run(place, run_date=FITTED)
    carried_out(given_run(place, [(name, 600, *rest) for name, _, *rest in ROWS], model=FROZEN))
    assert [one.alert.cause for one in told(prefect, "rfm")] == ["drift"]

    carried_out(given_run(place, run_date=RUN_DATE + timedelta(days=7), **parameters))

    assert told(prefect, "rfm") == []


def told(_api, about=f"rfm {RUN_DATE}"):
    with get_client(sync_client=True) as client:
        return [one for one in book.open_alerts(client) if one.alert.about == about]


@pytest.fixture(autouse=True)
def _nothing_told_yet(prefect):
    yield
    with get_client(sync_client=True) as client:
        close_all(client)


def test_whoever_else_asks_is_no_flow_run():
    flow_run = UUID(int=7)
    assert flow_run_in("test") is None
    assert flow_run_in(f"{ASKED_BY}{flow_run}") == flow_run
