"""The wait ends with the step's own word, or with a cause when no word will come."""

import dataclasses
import logging
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import duckdb
import pytest
from prefect.client.schemas.objects import State, StateType

from messenger.contract import Failure, RunRequest, RunStatus, run_id_of
from messenger.decode import decode_status
from messenger.embedded import EmbeddedMessenger
from messenger.messenger import REGISTER_STATUSES, STATUSES, MessengerUnavailable
from settings import get_settings
from tasks import wait
from tasks.listen import waiter_of
from tasks.look import UNKNOWN, Seen
from tasks.wait import (
    DeadlinePassed,
    NeverStarted,
    StepCancelled,
    StepFailed,
    StepHindered,
    StepLost,
    raise_failure,
    told_by_ledger,
    wait_for_final,
    wait_for_step,
)
from warehouse.warehouse import LedgerRow
from wiring import open_warehouse

NOW = datetime.now(UTC)


@pytest.fixture
def messenger(tmp_path):
    opened = EmbeddedMessenger(tmp_path / "messenger.db", lease=30, max_deliveries=5)
    yield opened
    opened.close()


def a_request(attempt=1, step="features", seconds=30.0):
    return RunRequest(
        run_id=run_id_of("rfm", date(1998, 6, 30), attempt),
        pipeline="rfm",
        step=step,
        run_date=date(1998, 6, 30),
        attempt=attempt,
        requested_by="test",
        requested_at=datetime.now(UTC),
        deadline=datetime.now(UTC) + timedelta(seconds=seconds),
    )


def listens(messenger, request):
    messenger.subscribe(waiter_of(request.run_id), STATUSES, run_id=request.run_id)


def says(messenger, request, state):
    status = RunStatus(
        **request.model_dump(include={"run_id", "pipeline", "step", "run_date", "attempt"}),
        state=state,
        error=Failure(type="Broken", message="why") if state == "failed" else None,
        at=NOW,
    )
    messenger.publish(STATUSES, status.encode(), status.attributes())


def seen(state_type):
    """A look that finds the step's flow run in this state."""
    flow_run = SimpleNamespace(id="f-1", state=State(type=state_type), state_name=state_type.value.title())
    return lambda _request: Seen(True, flow_run)


def no_flow_run(_request):
    return Seen(True)


def silence(_request):
    return UNKNOWN


def final(messenger, request, look=no_flow_run, *, start_within=30.0):
    return wait_for_final(messenger, request, poll=0.05, start_within=start_within, look=look)


def test_a_status_published_before_the_wait_is_seen(messenger):
    request = a_request()
    listens(messenger, request)
    says(messenger, request, "started")
    says(messenger, request, "succeeded")

    status = final(messenger, request, no_flow_run)

    assert status.state == "succeeded"


def test_a_failed_status_comes_with_its_error(messenger):
    request = a_request()
    listens(messenger, request)
    says(messenger, request, "failed")

    status = final(messenger, request, no_flow_run)

    assert status.error == Failure(type="Broken", message="why")


def test_another_run_and_another_step_are_not_taken_for_this_one(messenger):
    first, second = a_request(attempt=1), a_request(attempt=2)
    listens(messenger, first)
    listens(messenger, second)
    says(messenger, second, "failed")
    says(messenger, a_request(step="scoring"), "failed")
    says(messenger, first, "succeeded")

    of_first = final(messenger, first, no_flow_run)
    of_second = final(messenger, second, no_flow_run)

    assert (of_first.state, of_second.state) == ("succeeded", "failed")


@pytest.mark.parametrize("body", [b"{'state': 'succeeded'}", b"", b'{"state": "succeeded"}', b"\xff"])
def test_a_status_that_cannot_be_read_ends_no_wait_and_is_left_to_the_register(messenger, body):
    """Whose copy goes to the dead letters, from where it is replayed."""
    request = a_request()
    messenger.setup()
    listens(messenger, request)
    messenger.publish(STATUSES, body, request.attributes() | {"type": "RunStatus"})
    says(messenger, request, "succeeded")

    assert final(messenger, request).state == "succeeded"

    copy, _ = messenger.pull(REGISTER_STATUSES, limit=9, wait=0)
    assert copy.body == body
    assert messenger.dead_letters() == []


@pytest.mark.parametrize("state", [StateType.CRASHED, StateType.FAILED, StateType.COMPLETED])
def test_a_flow_run_that_ended_without_a_word_is_lost(messenger, state):
    request = a_request()
    listens(messenger, request)
    says(messenger, request, "started")

    with pytest.raises(StepLost, match=r"rfm-1998-06-30-1 ended as .* flow run f-1"):
        final(messenger, request, seen(state))


def test_a_status_on_its_way_when_the_flow_run_ends_still_counts(messenger):
    request = a_request()
    listens(messenger, request)

    def ends_then_speaks(_request):
        says(messenger, request, "failed")
        return seen(StateType.FAILED)(_request)

    status = final(messenger, request, ends_then_speaks)

    assert status.state == "failed"


class Ledger:
    """A warehouse of which only the ledger is asked."""

    def __init__(self, row):
        self._row = row

    def ledger_row(self, run_id, step):
        return self._row if self._row is not None and self._row.step == step else None


COMMITTED = LedgerRow("rfm-1998-06-30-1", "rfm", "features", date(1998, 6, 30), 1, "f-1", {"customers": 7}, NOW)


def test_a_step_that_committed_and_could_not_say_so_is_told_from_the_ledger():
    status = told_by_ledger(Ledger(COMMITTED), a_request())

    assert (status.state, status.facts, status.flow_run_id) == ("succeeded", {"customers": 7}, "f-1")
    assert told_by_ledger(Ledger(None), a_request()) is None


def test_a_step_that_committed_and_has_not_published_is_not_done():
    scored = dataclasses.replace(COMMITTED, step="scoring")

    assert told_by_ledger(Ledger(scored), a_request(step="scoring")) is None


@pytest.fixture
def ended(settings, carrier, monkeypatch):
    """A run whose step's flow run has ended without a word; what is told of it goes over the carrier."""
    carrier.choose(monkeypatch)
    monkeypatch.setenv("ORCHESTRATOR_PREFECT_POLL", "0.1")
    get_settings.cache_clear()
    monkeypatch.setattr(wait, "Lookout", lambda: seen(StateType.CRASHED))
    monkeypatch.setattr(wait, "get_run_logger", lambda: logging.getLogger("test"))
    messenger, request = carrier.open(), a_request()
    messenger.setup()
    listens(messenger, request)
    open_warehouse().prepare()
    return SimpleNamespace(messenger=messenger, request=request)


def told(messenger):
    return [decode_status(one) for one in messenger.pull(REGISTER_STATUSES, limit=9, wait=1)]


def test_a_step_whose_word_was_lost_after_its_commit_has_succeeded_and_is_told_from_the_ledger(ended, settings):
    with duckdb.connect(settings.warehouse.path) as connection:
        connection.execute(
            "insert into run_ledger values (?, 'rfm', 'features', '1998-06-30', 1, 'f-1', '{\"customers\": 7}', now())",
            [ended.request.run_id],
        )

    wait_for_step.fn(ended.request)

    [status] = told(ended.messenger)
    assert (status.run_id, status.step, status.state) == (ended.request.run_id, "features", "succeeded")
    assert (status.facts, status.flow_run_id) == ({"customers": 7}, "f-1")


def test_a_step_whose_word_was_lost_and_that_has_not_committed_is_lost(ended):
    with pytest.raises(StepLost, match="ended as Crashed without a status"):
        wait_for_step.fn(ended.request)

    assert told(ended.messenger) == []


def test_a_step_that_somebody_cancelled_is_named_so(messenger):
    request = a_request()
    listens(messenger, request)

    with pytest.raises(StepCancelled, match="flow run f-1"):
        final(messenger, request, seen(StateType.CANCELLED))


@pytest.mark.parametrize(
    ("look", "said"),
    [(no_flow_run, "no flow run"), (seen(StateType.SCHEDULED), "Scheduled"), (seen(StateType.PENDING), "Pending")],
)
def test_a_step_that_no_process_takes_up_never_started(messenger, look, said):
    request = a_request()
    listens(messenger, request)

    with pytest.raises(NeverStarted, match=said):
        final(messenger, request, look, start_within=0.2)


def test_nothing_is_concluded_while_prefect_does_not_answer(messenger):
    request = a_request(seconds=1)
    listens(messenger, request)

    with pytest.raises(DeadlinePassed):
        final(messenger, request, silence, start_within=0.1)


def test_the_time_to_start_is_counted_anew_after_a_silence(messenger):
    request = a_request()
    listens(messenger, request)
    looks = iter([silence] * 8)

    with pytest.raises(NeverStarted):
        final(messenger, request, lambda r: next(looks, no_flow_run)(r), start_within=0.3)

    assert (datetime.now(UTC) - request.requested_at).total_seconds() > 0.6


class Moody:
    """A messenger that cannot be reached the first few times."""

    def __init__(self, messenger, times):
        self._messenger, self._times = messenger, times

    def pull(self, *args, **kwargs):
        self._times -= 1
        if self._times >= 0:
            raise MessengerUnavailable("locked")
        return self._messenger.pull(*args, **kwargs)

    def __getattr__(self, name):
        return getattr(self._messenger, name)


def test_a_messenger_that_is_away_for_a_while_is_waited_for(messenger):
    request = a_request()
    listens(messenger, request)
    says(messenger, request, "succeeded")

    assert final(Moody(messenger, 3), request).state == "succeeded"


def test_a_subscription_that_was_lost_is_made_anew(messenger):
    request = a_request()

    def says_when_looked_for(_request):
        says(messenger, request, "succeeded")
        return Seen(True)

    assert final(messenger, request, says_when_looked_for).state == "succeeded"


@pytest.mark.parametrize(
    ("retryable", "state", "error"),
    [
        (False, StateType.FAILED, StepFailed),
        (True, StateType.RUNNING, StepHindered),
        (True, StateType.CANCELLING, StepCancelled),
        (True, StateType.CANCELLED, StepCancelled),
    ],
)
def test_a_step_that_failed_is_worth_another_attempt_when_it_says_so(retryable, state, error):
    failure = Failure(type="SourceChanged", message="replaced", retryable=retryable)

    with pytest.raises(error):
        raise_failure(a_request(), failure, seen(state))


def test_nobody_waits_for_ever(messenger):
    request = a_request(seconds=0.2)
    listens(messenger, request)

    with pytest.raises(DeadlinePassed, match="features of run rfm-1998-06-30-1"):
        final(messenger, request, no_flow_run)
