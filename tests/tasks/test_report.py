"""A step says how it went, whatever happened to it, and never tells what stands in the data."""

from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import pytest
from prefect.exceptions import TerminationSignal

from errors import Permanent
from messenger.contract import RunStatus
from messenger.messenger import STATUSES, MessengerUnavailable
from tasks.report import failure_of, reporting
from tests.messages import request_of_now
from wiring import open_messenger


@pytest.fixture
def request_():
    return request_of_now(date(1998, 6, 30), timedelta(minutes=1))


@pytest.fixture
def heard(settings):
    """What was said on the topic of statuses, in order."""
    with closing(open_messenger()) as messenger:
        messenger.subscribe("listener", STATUSES)

        def take():
            deliveries = messenger.pull("listener", limit=100, wait=0.1)
            return sorted((RunStatus.model_validate_json(d.body) for d in deliveries), key=lambda status: status.at)

        yield take


def test_a_step_that_works_says_started_and_succeeded_with_its_facts(request_, heard):
    with reporting(request_) as report:
        report.facts = {"rows": 7}

    started, succeeded = heard()
    assert (started.state, succeeded.state, succeeded.facts) == ("started", "succeeded", {"rows": 7})


def test_our_own_errors_are_told_in_one_line(request_, heard):
    with pytest.raises(Permanent), reporting(request_):
        raise Permanent("the file orders.csv\nis missing")

    error = heard()[-1].error
    assert (error.type, error.message) == ("Permanent", "the file orders.csv is missing")


def test_the_text_of_a_foreign_error_stays_in_the_log_because_it_may_hold_data(request_, heard):
    with pytest.raises(ValueError, match="c0001"), reporting(request_):
        raise ValueError("cannot convert 'c0001 jane@example.com'")

    error = heard()[-1].error
    assert error.type == "ValueError"
    assert "jane" not in error.message


def test_a_cancelled_step_says_so_too(request_, heard):
    with pytest.raises(TerminationSignal), reporting(request_):
        raise TerminationSignal(signal=15)

    assert heard()[-1].state == "failed"


@pytest.fixture
def away(monkeypatch):
    """A Messenger that cannot be reached, at the beginning or for good."""
    tries = []

    def break_for(times):
        really = open_messenger

        def opened():
            tries.append(1)
            if len(tries) <= times:
                raise MessengerUnavailable("locked by another process")
            return really()

        monkeypatch.setattr("tasks.report.open_messenger", opened)
        return tries

    return break_for


def test_the_steps_own_error_stays_the_first_when_it_cannot_be_told(request_, settings, away):
    away(times=1_000)
    late = request_.model_copy(update={"deadline": datetime.now(UTC)})

    with pytest.raises(Permanent, match="no orders"), reporting(late):
        raise Permanent("no orders")


def test_the_last_word_is_tried_again_until_the_messenger_is_back(request_, heard, away):
    tries = away(times=3)

    with reporting(request_):
        pass

    assert [status.state for status in heard()] == ["started", "succeeded"]
    assert len(tries) == 5


@pytest.mark.parametrize(
    ("error", "worth"), [(MessengerUnavailable("x"), True), (Permanent("x"), False), (TerminationSignal(15), True)]
)
def test_a_failure_says_whether_another_attempt_is_worth_it(error, worth):
    assert failure_of(error).retryable is worth
