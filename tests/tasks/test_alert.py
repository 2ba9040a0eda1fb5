"""What an alert about a run says, by what went wrong."""

from datetime import UTC, date, datetime, timedelta

import pytest

from errors import Permanent
from messenger.contract import RunRequest
from tasks import alert as module
from tasks.alert import alert_run, recovered
from tasks.checks import NotConfirmed
from tasks.wait import DeadlinePassed, StepFailed, StepLost

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


def test_the_text_of_a_foreign_error_may_hold_customer_data_and_is_not_told(told):
    alert_run(REQUEST, ValueError("cannot convert 'jane@example.com'"))

    assert told[0].text == "ValueError"


def test_a_confirmed_run_ends_what_was_told_about_its_date(told):
    recovered(REQUEST)

    assert told == ["rfm 1998-06-30"]
