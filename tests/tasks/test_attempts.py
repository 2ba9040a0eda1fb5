"""A run goes on as another attempt where that can help, and ends with a name, an alert and a dead letter where not."""

import logging
from contextlib import closing, suppress
from datetime import UTC, date, datetime
from types import SimpleNamespace
from uuid import uuid4

import pytest
from prefect import runtime
from prefect.exceptions import TerminationSignal

from errors import Permanent
from messenger.contract import RunStatus
from messenger.decode import decode_request
from messenger.messenger import INVOKER_REQUESTS, REGISTER_STATUSES, MessengerUnavailable
from register.register import RegisterUnavailable
from settings import get_settings
from tasks import attempts as module
from tasks.attempts import attempts
from tasks.claim import request_of
from tasks.dead_letter import set_aside
from tasks.listen import waiter_of
from tasks.turn import Turn, TurnLost, turn_of
from tasks.wait import DeadlinePassed, StepFailed, StepHindered, StepLost
from warehouse.warehouse import CLOSED, WarehouseBusy
from wiring import open_messenger, open_register, open_warehouse

JUNE_30 = date(1998, 6, 30)
FIRST, SECOND, THIRD = (f"rfm-1998-06-30-{attempt}" for attempt in (1, 2, 3))
LOST = StepLost("step features of run ... ended as Crashed without a status")


@pytest.fixture
def said(settings, monkeypatch):
    """What was alerted and which steps Prefect was asked to stop; the messenger is set up."""
    monkeypatch.setenv("ORCHESTRATOR_ATTEMPT_DELAY", "0.01")
    get_settings.cache_clear()
    told = {"alerts": [], "recovered": [], "stopped": [], "left_to_end": []}

    def stop_steps(run, _reason, *, ending):
        told["stopped"].append(run.run_id)
        told["left_to_end"].append(ending)

    monkeypatch.setattr(module, "get_run_logger", lambda: logging.getLogger("test"))
    monkeypatch.setattr("tasks.turn.get_run_logger", lambda: logging.getLogger("test"))
    monkeypatch.setattr(runtime.flow_run, "id", "f-1", raising=False)
    monkeypatch.setattr(module, "alert_run", lambda run, _, **more: told["alerts"].append((run.run_id, more)))
    monkeypatch.setattr(module, "recovered", lambda run: told["recovered"].append(run.run_id))
    monkeypatch.setattr("tasks.cancel.stop_steps", stop_steps)
    open_warehouse().prepare()
    with closing(open_messenger()) as messenger:
        messenger.setup()
    return told


@pytest.fixture
def claimed(said):
    with closing(open_register()) as register:
        run, _ = register.claim("rfm", JUNE_30, {}, force=False, requested_by="test", now=datetime.now(UTC))
    return request_of(run)


@pytest.fixture
def turn(claimed):
    with closing(open_register()) as register:
        turn = Turn(register, claimed, uuid4().hex)
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


def reasons():
    with closing(open_messenger()) as messenger:
        return [letter.reason for letter in messenger.dead_letters()]


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


def test_a_request_is_set_aside_once_and_rather_twice_than_not_at_all(turn, said, monkeypatch):
    set_aside(turn.run, "StepLost: ...")
    set_aside(turn.run, "StepLost: ...")
    assert len(reasons()) == 1

    def unseen(_messenger):
        raise MessengerUnavailable("no answer")

    with monkeypatch.context() as patch:
        patch.setattr("messenger.embedded.EmbeddedMessenger.dead_letters", unseen)
        set_aside(turn.run, "StepLost: ...")
    assert len(reasons()) == 2


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


@pytest.mark.parametrize("error", [LOST, DeadlinePassed("3600 s have passed"), Permanent("refused data")])
def test_a_run_that_has_finally_failed_is_stopped_and_closed_for_its_process_may_still_live(turn, said, error):
    with pytest.raises(type(error)):
        carry_out(turn, error, error, error)

    failed = said["alerts"][0][0]
    assert f"given up: {type(error).__name__}" in closing_reason(failed)
    assert failed in said["stopped"]


@pytest.mark.parametrize(
    ("error", "left_to_end"),
    [
        (StepFailed("features: WrongData: ..."), "features"),
        (StepHindered("features: WarehouseBusy: ..."), "features"),
        (LOST, None),
        (DeadlinePassed("3600 s have passed"), None),
    ],
)
def test_a_step_that_has_told_its_end_is_left_to_end_by_itself(turn, said, error, left_to_end):
    with pytest.raises(type(error)):
        carry_out(turn, error, error, error)

    assert set(said["left_to_end"]) == {left_to_end}


def test_that_step_is_not_left_to_end_in_the_attempt_that_follows(turn, said, monkeypatch):
    def go_on_and_lose_the_register(self, following):
        self.run = following
        raise RegisterUnavailable("locked")

    monkeypatch.setattr(Turn, "go_on_as", go_on_and_lose_the_register)

    with pytest.raises(StepHindered):
        carry_out(turn, StepHindered("features: WarehouseBusy: ..."))

    assert list(zip(said["stopped"], said["left_to_end"], strict=True)) == [(FIRST, "features"), (SECOND, None)]


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


def test_a_process_that_is_taken_away_leaves_the_run_to_be_taken_up(turn, said):
    with pytest.raises(TerminationSignal):
        carry_out(turn, TerminationSignal(15))

    assert run(FIRST).state == "started"
    assert waiter_of(FIRST) in subscriptions()
    assert closing_reason(FIRST) is None
    assert said["alerts"] == []


def test_delays_double_up_to_the_longest(turn, monkeypatch):
    waited = []
    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=waited.append))
    monkeypatch.setenv("ORCHESTRATOR_ATTEMPTS", "9")
    monkeypatch.setenv("ORCHESTRATOR_ATTEMPT_DELAY", "10")
    get_settings.cache_clear()

    carry_out(turn, *[LOST] * 8, None)

    assert waited == [10, 20, 40, 80, 160, 320, 600, 600]


def test_what_the_next_attempt_was_asked_for_by_is_the_flow_run_that_carries_it_out(turn):
    carry_out(turn, LOST, None)

    assert run(SECOND).requested_by == "prefect flow run f-1"


@pytest.mark.parametrize("locked_at", ["its start", "its failure", "its end"])
def test_a_register_that_is_locked_for_a_while_delays_a_run_and_no_more(turn, said, register_lock, locked_at):
    tried = []
    if locked_at == "its start":
        register_lock.hold(tries=3)
    for attempt in attempts(turn):
        with attempt:
            tried.append(attempt.run.run_id)
            attempt.about("features")
            if len(tried) == 1:
                if locked_at == "its failure":
                    register_lock.hold(tries=3)
                raise LOST
            if locked_at == "its end":
                register_lock.hold(tries=3)

    assert tried == [FIRST, SECOND]
    assert (run(SECOND).state, said["alerts"]) == ("succeeded", [])
    assert register_lock.waits == 3


def test_people_are_told_of_a_failure_also_when_the_register_cannot_be(turn, said, register_lock, monkeypatch):
    monkeypatch.setenv("ORCHESTRATOR_STEP_DEADLINE", "0.01")
    get_settings.cache_clear()

    def fail():
        for attempt in attempts(turn):
            with attempt:
                attempt.about("features")
                register_lock.hold()
                raise Permanent("refused data")

    with pytest.raises(Permanent, match="refused"):
        fail()

    assert said["alerts"] == [(FIRST, {"step": "features", "attempts": None})]
    assert reasons() == [f"run {FIRST} has failed: Permanent: refused data"]


def test_a_confirmed_run_has_not_failed_because_the_register_cannot_be_told(turn, said, register_lock, monkeypatch):
    monkeypatch.setenv("ORCHESTRATOR_STEP_DEADLINE", "0.01")
    get_settings.cache_clear()

    for attempt in attempts(turn):
        with attempt:
            register_lock.hold()

    assert (said["recovered"], said["alerts"]) == ([FIRST], [])


def test_a_warehouse_that_keeps_an_attempt_from_being_given_up_does_not_keep_the_run_from_its_end(
    turn, said, monkeypatch
):
    tried = []

    def busy(run, *_, **__):
        tried.append(run.run_id)
        raise WarehouseBusy("held by process 7")

    monkeypatch.setattr(module, "give_up", busy)

    with pytest.raises(StepLost):
        carry_out(turn, LOST)

    assert (run(FIRST).state, run(FIRST).error.type) == ("failed", "StepLost")
    assert said["alerts"] == [(FIRST, {"step": "features", "attempts": 1})]
    assert len(reasons()) == 1
    assert tried == [FIRST], "who waits for the alert does not wait for the warehouse twice"


def test_an_attempt_that_cannot_begin_is_told_like_one_that_failed(turn, said, monkeypatch):
    def away(*_, **__):
        raise MessengerUnavailable("gone")

    monkeypatch.setattr(module, "start_listening", away)

    with pytest.raises(MessengerUnavailable):
        carry_out(turn, None)

    assert run(FIRST).state == "failed"
    assert [run_id for run_id, _ in said["alerts"]] == [FIRST]


def test_cancelled_in_the_delay_before_the_next_attempt_the_run_has_ended(said, claimed, monkeypatch):
    def cancel(_seconds):
        raise TerminationSignal(15)

    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=cancel))
    monkeypatch.setattr("tasks.turn.is_cancelled_by_somebody", lambda: True)

    with pytest.raises(TerminationSignal), turn_of(claimed) as turn:
        carry_out(turn, LOST)

    assert run(FIRST).continued_by == SECOND
    assert (run(SECOND).state, run(SECOND).error.type) == ("failed", "RunCancelled")
    assert said["alerts"] == []


def test_who_has_lost_the_turn_begins_nothing_and_leaves_the_run_as_it_is(turn, said):
    turn._lost_to = "another process"

    with pytest.raises(TurnLost, match="another process has the turn now"):
        carry_out(turn, None)

    assert run(FIRST).state == "started"
    assert said["alerts"] == []


def test_the_end_of_a_run_is_known_to_the_register_also_without_a_messenger(turn, monkeypatch):
    told = []
    monkeypatch.setattr("tasks.note.tell", lambda status, until: told.append(status))

    carry_out(turn, None)

    assert run(FIRST).state == "succeeded"
    assert [type(status) for status in told] == [RunStatus, RunStatus]
