"""People are told once of a cause, whoever finds it and however often, and once that it is over."""

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from tests.receivers import mail_receiver, web_receiver
from watch import book
from watch.alert import Alert
from watch.tell import tell, tell_recovered, tell_untold

AT = datetime(2026, 11, 23, 1, tzinfo=UTC)


@pytest.fixture
def alert(prefect):
    """Of a pipeline of the test's own: all tests share the server."""
    return Alert(
        cause="failed",
        about=f"p{uuid4().hex[:8]} 2026-11-23",
        text="StepFailed: the file orders.csv is missing",
        since=AT,
        run_id="rfm-2026-11-23-3",
        step="features",
        attempts=3,
        log="http://127.0.0.1:4200/runs/flow-run/1",
    )


def noted(alert):
    with get_client(sync_client=True) as client:
        return [one for one in book.open_alerts(client) if one.alert == alert]


def test_an_alert_says_run_step_cause_attempts_log_and_what_to_do(alert, receiver):
    tell(alert)

    [told] = receiver.got
    assert told["title"] == f"[failed] {alert.about}"
    assert told["message"].splitlines() == [
        "Run: rfm-2026-11-23-3",
        "Step: features",
        "Cause: StepFailed: the file orders.csv is missing",
        "Attempts: 3",
        "Since: 2026-11-23 01:00:00 UTC",
        "Log: http://127.0.0.1:4200/runs/flow-run/1",
        "What to do: docs/operations.md#failed",
    ]


def test_the_same_cause_is_told_once_however_many_find_it_at_once(alert, receiver):
    finders = [copy_context() for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        for attempt, finder in enumerate(finders):
            threads.submit(finder.run, tell, alert.model_copy(update={"attempts": attempt}))

    assert len(receiver.got) == 1


def test_another_cause_about_the_same_date_is_told_too_and_both_recover_with_one_message(alert, receiver):
    tell(alert)
    tell(alert.model_copy(update={"cause": "late"}))

    tell_recovered(alert.about)
    tell_recovered(alert.about)

    assert receiver.titles == [f"[failed] {alert.about}", f"[late] {alert.about}", f"[recovered] {alert.about}"]
    assert receiver.got[-1]["message"].splitlines() == [
        "failed, since 2026-11-23 01:00:00 UTC: over",
        "late, since 2026-11-23 01:00:00 UTC: over",
    ]


def test_after_a_recovery_the_same_cause_is_new(alert, receiver):
    tell(alert)
    tell_recovered(alert.about)
    tell(alert)

    assert receiver.titles.count(f"[failed] {alert.about}") == 2


def test_what_never_failed_does_not_recover(alert, receiver):
    tell_recovered(alert.about)

    assert receiver.got == []


def test_a_channel_that_is_down_fails_nobody_and_is_tried_again(alert, receiver, caplog):
    receiver.status = 500
    tell(alert)
    assert "secret-token" not in caplog.text
    assert "channel 1 (json://)" in caplog.text
    assert alert in tell_untold()

    receiver.status = 200
    assert alert not in tell_untold()
    assert receiver.titles == [f"[failed] {alert.about}"]
    assert [one.told for one in noted(alert)] == [True]


def test_what_nobody_was_told_recovers_without_a_word(alert, receiver):
    receiver.status = 500
    tell(alert)
    receiver.status = 200

    tell_recovered(alert.about)

    assert receiver.got == []
    assert noted(alert) == []


def test_while_prefect_cannot_be_asked_it_is_told(alert, receiver):
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        tell(alert)
        tell_recovered(alert.about)

    assert receiver.titles == [f"[failed] {alert.about}"]


def test_a_channel_that_is_down_is_tried_again_alone_and_the_others_hear_of_the_end(alert, receiver, configured):
    with web_receiver() as other:
        configured(ALERTS_URLS=f"{other.address} {receiver.address}")
        other.status = 500
        tell(alert)
        assert alert in tell_untold()
        assert receiver.titles == [f"[failed] {alert.about}"], "once, however often the other one is tried"

        tell_recovered(alert.about)

    assert receiver.titles == [f"[failed] {alert.about}", f"[recovered] {alert.about}"]
    assert other.got == []


def test_a_channel_that_is_back_gets_what_it_has_not_taken_and_nobody_else_does(alert, receiver, configured):
    with web_receiver() as other:
        configured(ALERTS_URLS=f"{other.address} {receiver.address}")
        other.status = 500
        tell(alert)
        other.status = 200

        assert alert not in tell_untold()
        assert alert not in tell_untold()
        tell_recovered(alert.about)

    assert receiver.titles == other.titles == [f"[failed] {alert.about}", f"[recovered] {alert.about}"]


def test_a_channel_is_not_named_in_prefect(alert, receiver, configured):
    configured(ALERTS_URLS=f"json://127.0.0.1:9 {receiver.address}")
    tell(alert)

    [one] = noted(alert)
    assert (one.told, len(one.taken_by)) == (False, 1)
    assert "secret-token" not in one.model_dump_json()


def test_an_alert_recovers_however_many_are_open(alert, receiver, monkeypatch):
    monkeypatch.setattr(book, "PAGE", 2)
    several = [alert.model_copy(update={"about": f"{alert.about} {number}"}) for number in range(5)]
    for one in several:
        tell(one)

    for one in several:
        tell_recovered(one.about)

    assert [title for title in receiver.titles if title.startswith("[recovered]")] == [
        f"[recovered] {one.about}" for one in several
    ]


def test_it_goes_by_mail_too(alert, configured):
    with mail_receiver() as (mails, address):
        configured(ALERTS_URLS=address)
        tell(alert)

    [mail] = mails
    assert f"Subject: [failed] {alert.about}" in mail
    assert "to=ops" not in mail
    assert "orders.csv is missing" in mail


def test_without_a_channel_it_stands_in_the_log_and_in_prefect(alert, configured, caplog):
    tell(alert)

    assert "orders.csv is missing" in caplog.text
    assert [one.told for one in noted(alert)] == [True]
