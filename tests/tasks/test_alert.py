"""What an alert about a run says, by what went wrong."""

from datetime import UTC, date, datetime, timedelta
from typing import get_args

import pytest
from prefect import runtime
from prefect.settings import PREFECT_UI_URL, temporary_settings

from errors import Permanent
from messenger.contract import RunRequest
from settings import PROJECT
from tasks import alert as module
from tasks.alert import alert_run, recovered
from tasks.checks import NotConfirmed
from tasks.wait import DeadlinePassed, NeverStarted, StepFailed, StepLost
from watch.alert import Cause

REQUEST = RunRequest(
    run_id="rfm-1998-06-30-3",
    pipeline="rfm",
    step="orchestrate",
    run_date=date(1998, 6, 30),
    attempt=3,
    requested_by="test",
    requested_at=datetime.now(UTC),
    deadline=datetime.now(UTC) + timedelta(minutes=1),
)
LOST = StepLost("step features of run rfm-1998-06-30-3 ended as Crashed without a status")


@pytest.fixture
def told(monkeypatch):
    alerts = []
    monkeypatch.setattr(module, "tell", alerts.append)
    monkeypatch.setattr(module, "tell_recovered", alerts.append)
    return alerts


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (StepFailed("the step said so"), "failed"),
        (LOST, "crashed"),
        (NeverStarted("no worker took it"), "never-started"),
        (NotConfirmed("counts differ"), "unconfirmed"),
        (DeadlinePassed("no result"), "failed"),
        (KeyError("c0001"), "failed"),
    ],
)
def test_the_cause_is_the_runbooks_section(told, error, cause):
    alert_run(REQUEST, error)

    assert (told[0].cause, told[0].about) == (cause, "rfm 1998-06-30")


def test_it_says_which_run_and_step_and_how_many_attempts(told):
    alert_run(REQUEST, Permanent("a\nb"), step="scoring", attempts=3)

    assert (told[0].run_id, told[0].step, told[0].attempts, told[0].text) == (REQUEST.run_id, "scoring", 3, "a b")


def test_it_links_to_the_log_of_the_flow_run_that_tells(told, monkeypatch):
    monkeypatch.setattr(runtime.flow_run, "id", "0a1b2c3d-0000-4000-8000-000000000001", raising=False)

    with temporary_settings({PREFECT_UI_URL: "https://prefect.example"}):
        alert_run(REQUEST, LOST)

    assert told[0].log == "https://prefect.example/runs/flow-run/0a1b2c3d-0000-4000-8000-000000000001"


def test_outside_a_flow_run_there_is_no_log_to_link_to(told):
    alert_run(REQUEST, LOST)

    assert told[0].log is None


def test_every_cause_has_its_section_in_the_runbook():
    sections = (PROJECT / "docs" / "operations.md").read_text()

    assert [cause for cause in get_args(Cause) if f"\n### {cause}\n" not in sections] == []


def test_the_text_of_a_foreign_error_may_hold_customer_data_and_is_not_told(told):
    alert_run(REQUEST, ValueError("cannot convert 'jane@example.com'"))

    assert told[0].text == "ValueError"


def test_a_confirmed_run_ends_what_was_told_about_its_date(told):
    recovered(REQUEST)

    assert told == ["rfm 1998-06-30"]
