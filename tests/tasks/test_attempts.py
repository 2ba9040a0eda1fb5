"""A run goes on as another attempt where that can help, and ends with a name, an alert and a dead letter where not."""

import logging
from contextlib import closing, suppress
from datetime import UTC, date, datetime
from uuid import uuid4

import pytest
from prefect import runtime
from prefect.exceptions import TerminationSignal

from errors import Permanent
from messenger.contract import RunStatus
from messenger.decode import decode_request
from messenger.messenger import INVOKER_REQUESTS, REGISTER_STATUSES, MessengerUnavailable
from settings import get_settings
from tasks import attempts as module
from tasks.attempts import attempts
from tasks.cancel import RunCancelled
from tasks.claim import request_of
from tasks.dead_letter import set_aside
from tasks.listen import waiter_of
from tasks.turn import Turn
from tasks.wait import StepLost
from warehouse.warehouse import CLOSED
from wiring import open_messenger, open_register, open_warehouse

JUNE_30 = date(1998, 6, 30)
FIRST, SECOND, THIRD = (f"rfm-1998-06-30-{attempt}" for attempt in (1, 2, 3))
LOST = StepLost("step features of run ... ended as Crashed without a status")


@pytest.fixture
def said(settings, monkeypatch):
    """What was alerted and which steps Prefect was asked to stop; the messenger is set up."""
    monkeypatch.setenv("ORCHESTRATOR_ATTEMPT_DELAY", "0.01")
    get_settings.cache_clear()
    told = {"alerts": [], "recovered": [], "stopped": []}
    monkeypatch.setattr(module, "get_run_logger", lambda: logging.getLogger("test"))
    monkeypatch.setattr("tasks.turn.get_run_logger", lambda: logging.getLogger("test"))
    monkeypatch.setattr(runtime.flow_run, "id", "f-1", raising=False)
    monkeypatch.setattr(module, "alert_run", lambda run, _, **more: told["alerts"].append((run.run_id, more)))
    monkeypatch.setattr(module, "recovered", lambda run: told["recovered"].append(run.run_id))
    monkeypatch.setattr("tasks.cancel.stop_steps", lambda run, reason: told["stopped"].append(run.run_id))
    open_warehouse().prepare()
    with closing(open_messenger()) as messenger:
        messenger.setup()
    return told


@pytest.fixture
def turn(said):
    with closing(open_register()) as register:
        run, _ = register.claim("rfm", JUNE_30, {}, force=False, requested_by="test", now=datetime.now(UTC))
        turn = Turn(register, request_of(run), uuid4().hex)
        turn.wait()
        yield turn


def carry_out(turn, *errors, step="features"):
    """Each attempt meets the next error; None is success. Returns the runs that were tried."""
    tried, waiting = [], list(errors)
    for attempt in attempts(turn):
        with attempt:
            tried.append(attempt.run.run_id)
            attempt.about(step)
            if (error := waiting.pop(0)) is not None:
                raise error
    return tried


def run(run_id):
    with closing(open_register()) as register:
        return register.get(run_id)


def closing_reason(run_id):
    row = open_warehouse().ledger_row(run_id, CLOSED)
    return row and row.facts["reason"]


def subscriptions():
    with closing(open_messenger()) as messenger:
        return {name for (name,) in messenger._file.read("select name from subscriptions")}


def test_a_run_that_works_is_told_and_leaves_nothing_behind(turn, said):
    assert carry_out(turn, None) == [FIRST]

    assert run(FIRST).state == "succeeded"
    assert (said["alerts"], said["recovered"], said["stopped"]) == ([], [FIRST], [])
    assert subscriptions() == {INVOKER_REQUESTS, REGISTER_STATUSES}
    assert closing_reason(FIRST) is None


def test_a_lost_step_goes_on_as_the_next_attempt_and_the_lost_one_is_closed(turn, said):
    assert carry_out(turn, LOST, None) == [FIRST, SECOND]

    first = run(FIRST)
    assert (first.state, first.continued_by, first.error.type) == ("failed", SECOND, "StepLost")
    assert run(SECOND).state == "succeeded"
    assert "given up: StepLost" in closing_reason(FIRST)
    assert (said["stopped"], said["alerts"]) == ([FIRST], [])


def test_attempts_end_and_then_there_is_one_alert_and_a_dead_letter_that_asks_for_the_next(turn, said):
    with pytest.raises(StepLost):
        carry_out(turn, LOST, LOST, LOST)

    assert [(run_id, more) for run_id, more in said["alerts"]] == [(THIRD, {"step": "features", "attempts": 3})]
    assert (run(THIRD).state, run(THIRD).continued_by) == ("failed", None)
    with closing(open_messenger()) as messenger:
        [letter] = messenger.dead_letters()
        assert f"run {THIRD} has failed: StepLost" in letter.reason
        messenger.replay(letter.message_id)
        [delivery] = messenger.pull(INVOKER_REQUESTS, limit=5, wait=0)
    request = decode_request(delivery)
    assert (request.run_id, request.step) == ("rfm-1998-06-30-4", "orchestrate")


def test_the_dead_letter_goes_when_a_later_attempt_of_the_date_is_confirmed_and_those_of_others_stay(turn, said):
    with pytest.raises(Permanent):
        carry_out(turn, Permanent("refused data"))
    july = turn.run.model_copy(update={"run_id": "rfm-1998-07-07-1", "run_date": date(1998, 7, 7)})
    set_aside(july, "StepLost: ...")
    assert dead_letters() == ["rfm-1998-06-30-2", "rfm-1998-07-07-2"]
    with closing(open_register()) as register:
        second, _ = register.claim("rfm", JUNE_30, {}, force=False, requested_by="somebody", now=datetime.now(UTC))

    turn.go_on_as(request_of(second))
    assert carry_out(turn, None) == [SECOND]

    assert dead_letters() == ["rfm-1998-07-07-2"]


def test_a_messenger_that_is_away_keeps_no_confirmed_run_from_its_end(turn, said, monkeypatch):
    def away():
        raise MessengerUnavailable("locked")

    monkeypatch.setattr("tasks.dead_letter.open_messenger", away)

    assert carry_out(turn, LOST, None) == [FIRST, SECOND]
    assert run(SECOND).state == "succeeded"


def dead_letters():
    with closing(open_messenger()) as messenger:
        return [letter.attributes["run_id"] for letter in messenger.dead_letters()]


def test_each_step_has_its_own_attempts(turn):
    tried = []
    with suppress(StepLost):
        for number, attempt in enumerate(attempts(turn)):
            with attempt:
                tried.append(attempt.run.attempt)
                attempt.about("features" if number < 2 else "scoring")
                raise LOST

    assert tried == [1, 2, 3, 4, 5]


def test_what_stays_wrong_is_not_tried_again(turn, said):
    with pytest.raises(Permanent, match="refused"):
        carry_out(turn, Permanent("refused data"))

    assert (run(FIRST).state, run(SECOND)) == ("failed", None)
    assert len(said["alerts"]) == 1


def test_where_somebody_asked_for_a_newer_attempt_this_one_does_not_go_on(turn):
    with closing(open_register()) as register:
        register.claim("rfm", JUNE_30, {}, force=True, requested_by="somebody", now=datetime.now(UTC))

    with pytest.raises(StepLost):
        carry_out(turn, LOST)

    assert (run(FIRST).state, run(FIRST).continued_by) == ("failed", None)
    assert run(SECOND).state == "requested"


def test_a_process_that_is_taken_away_leaves_the_run_to_be_taken_up(turn, said, monkeypatch):
    monkeypatch.setattr(module, "is_cancelled_by_somebody", lambda: False)

    with pytest.raises(TerminationSignal):
        carry_out(turn, TerminationSignal(15))

    assert run(FIRST).state == "started"
    assert waiter_of(FIRST) in subscriptions()
    assert closing_reason(FIRST) is None
    assert said["alerts"] == []


def test_a_cancelled_run_is_closed_its_steps_are_stopped_and_nobody_is_alerted(turn, said, monkeypatch):
    monkeypatch.setattr(module, "is_cancelled_by_somebody", lambda: True)

    with pytest.raises(TerminationSignal):
        carry_out(turn, TerminationSignal(15))

    assert (run(FIRST).state, run(FIRST).error.type) == ("failed", RunCancelled.__name__)
    assert said["stopped"] == [FIRST]
    assert "was cancelled" in closing_reason(FIRST)
    assert said["alerts"] == []
    assert waiter_of(FIRST) not in subscriptions()


def test_the_end_of_a_run_is_known_to_the_register_also_without_a_messenger(turn, monkeypatch):
    told = []
    monkeypatch.setattr(module, "tell", lambda status, until: told.append(status))

    carry_out(turn, None)

    assert run(FIRST).state == "succeeded"
    assert [type(status) for status in told] == [RunStatus, RunStatus]
