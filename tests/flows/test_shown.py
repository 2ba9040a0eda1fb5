"""What people see of a run while it is under way: how long a step is waited for, and tags to find the run by."""

import logging
from datetime import date, timedelta
from types import SimpleNamespace

import httpx
import pytest
from prefect import flow, runtime

from tasks import progress as module
from tasks.look import UNKNOWN, Seen
from tasks.progress import Progress
from tasks.tag import tag_flow_run
from tests.messages import request_of_now

RUNNING = Seen(True, SimpleNamespace(state_name="Running", state=None))


@pytest.fixture
def request_():
    return request_of_now(date(1998, 6, 30), timedelta(hours=1))


@pytest.fixture
def clock(monkeypatch):
    """Seconds that have passed for the progress."""
    now = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    return now


def shown(api, flow_run):
    wanted = {"artifacts": {"flow_run_id": {"any_": [flow_run]}}}
    return httpx.post(f"{api}/artifacts/filter", json=wanted, timeout=30).raise_for_status().json()


def test_a_wait_is_shown_with_elapsed_and_remaining_time(prefect, request_, clock):
    @flow
    def waiting() -> str:
        progress = Progress(request_)
        for clock.seconds in (1, 11, 900):
            progress.show(RUNNING)
        return str(runtime.flow_run.id)

    [artifact] = shown(prefect, waiting())

    assert artifact["key"] == "waiting-for-features"
    assert artifact["type"] == "progress"
    assert artifact["data"] == pytest.approx(25)
    assert artifact["description"].startswith("step features of run rfm-1998-06-30-1: running, waited 900 s, ")
    assert artifact["description"].endswith(" s left")


def test_the_log_has_a_line_after_growing_silences(request_, clock, monkeypatch, caplog):
    monkeypatch.setattr(module, "get_run_logger", lambda: logging.getLogger("test"))
    progress = Progress(request_)
    with caplog.at_level(logging.INFO, "test"):
        for clock.seconds in range(0, 100, 2):
            progress.show(UNKNOWN)

    assert [record.message.partition("waited ")[2].partition(",")[0] for record in caplog.records] == [
        "10 s",
        "20 s",
        "40 s",
        "80 s",
    ]
    assert "Prefect does not answer" in caplog.records[0].message
    left = int(caplog.records[0].message.rpartition(", ")[2].split()[0])
    assert 3500 < left <= 3600


def test_an_artifact_that_cannot_be_drawn_fails_no_wait(request_, clock, monkeypatch, caplog):
    def broken(*_, **__):
        raise httpx.ConnectError("down")

    monkeypatch.setattr(runtime.flow_run, "id", "f-1", raising=False)
    monkeypatch.setattr(module, "get_run_logger", lambda: logging.getLogger("test"))
    monkeypatch.setattr(module, "create_progress_artifact", broken)
    progress = Progress(request_)
    clock.seconds = 11

    with caplog.at_level(logging.INFO):
        progress.show(RUNNING)

    assert "progress is not shown for now: ConnectError" in caplog.text


def test_a_flow_run_that_the_invoker_did_not_start_gets_the_tags_of_pipeline_and_date(prefect, request_):
    @flow
    def tagged() -> str:
        tag_flow_run(request_)
        return str(runtime.flow_run.id)

    flow_run = httpx.get(f"{prefect}/flow_runs/{tagged()}", timeout=30).json()

    assert {"rfm", "1998-06-30"} <= set(flow_run["tags"])


def test_tags_that_cannot_be_set_fail_no_run(request_, monkeypatch):
    def away(**_):
        raise httpx.ConnectError("down")

    monkeypatch.setattr(runtime.flow_run, "tags", ["rfm"], raising=False)
    monkeypatch.setattr("tasks.tag.brief_client", away)

    tag_flow_run(request_)
