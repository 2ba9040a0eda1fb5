"""The wait ends with the step's own word, or with a cause when no word will come."""

import logging
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from prefect.client.schemas.objects import State, StateType

import tasks.wait
from messenger.contract import Failure, RunRequest, RunStatus, run_id_of
from messenger.embedded import EmbeddedMessenger
from messenger.messenger import STATUSES
from tasks.request import waiter_of
from tasks.wait import DeadlinePassed, StepLost, tell_from_ledger, wait_for_final
from warehouse.warehouse import LedgerRow

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
        requested_at=NOW,
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


def no_flow_run(_request):
    return None


def ended(state_type):
    flow_run = SimpleNamespace(id="f-1", state=State(type=state_type), state_name=state_type.value.title())
    return lambda _request: flow_run


def test_a_status_published_before_the_wait_is_seen(messenger):
    request = a_request()
    listens(messenger, request)
    says(messenger, request, "started")
    says(messenger, request, "succeeded")

    status = wait_for_final(messenger, request, poll=0.05, flow_run=no_flow_run)

    assert status.state == "succeeded"


def test_a_failed_status_comes_with_its_error(messenger):
    request = a_request()
    listens(messenger, request)
    says(messenger, request, "failed")

    status = wait_for_final(messenger, request, poll=0.05, flow_run=no_flow_run)

    assert status.error == Failure(type="Broken", message="why")


def test_another_run_and_another_step_are_not_taken_for_this_one(messenger):
    first, second = a_request(attempt=1), a_request(attempt=2)
    listens(messenger, first)
    listens(messenger, second)
    says(messenger, second, "failed")
    says(messenger, a_request(step="scoring"), "failed")
    says(messenger, first, "succeeded")

    of_first = wait_for_final(messenger, first, poll=0.05, flow_run=no_flow_run)
    of_second = wait_for_final(messenger, second, poll=0.05, flow_run=no_flow_run)

    assert (of_first.state, of_second.state) == ("succeeded", "failed")


@pytest.mark.parametrize("state", [StateType.CRASHED, StateType.CANCELLED, StateType.FAILED, StateType.COMPLETED])
def test_a_flow_run_that_ended_without_a_word_is_lost(messenger, state):
    request = a_request()
    listens(messenger, request)
    says(messenger, request, "started")

    with pytest.raises(StepLost, match=r"rfm-1998-06-30-1 ended as .* flow run f-1"):
        wait_for_final(messenger, request, poll=0.05, flow_run=ended(state))


def test_a_status_on_its_way_when_the_flow_run_ends_still_counts(messenger):
    request = a_request()
    listens(messenger, request)

    def ends_then_speaks(_request):
        says(messenger, request, "failed")
        return ended(StateType.FAILED)(_request)

    status = wait_for_final(messenger, request, poll=0.05, flow_run=ends_then_speaks)

    assert status.state == "failed"


class Ledger:
    """A warehouse of which only the ledger is asked."""

    def __init__(self, row):
        self._row = row

    def ledger_row(self, run_id, step):
        return self._row


COMMITTED = LedgerRow("rfm-1998-06-30-1", "rfm", "features", date(1998, 6, 30), 1, "f-1", {"customers": 7}, NOW)


def lost(request, state):
    return StepLost(request, ended(state)(request))


@pytest.mark.parametrize("state", [StateType.COMPLETED, StateType.FAILED, StateType.CRASHED])
def test_a_step_that_committed_and_could_not_say_so_is_told_from_the_ledger(messenger, monkeypatch, state):
    monkeypatch.setattr(tasks.wait, "get_run_logger", lambda: logging.getLogger())
    request = a_request()
    messenger.subscribe("others", STATUSES)

    tell_from_ledger(messenger, Ledger(COMMITTED), request, lost(request, state))

    [told] = messenger.pull("others", limit=10, wait=1)
    status = RunStatus.model_validate_json(told.body)
    assert (status.state, status.facts, status.flow_run_id) == ("succeeded", {"customers": 7}, "f-1")


@pytest.mark.parametrize(("state", "row"), [(StateType.FAILED, None), (StateType.CANCELLED, COMMITTED)])
def test_without_a_ledger_row_or_when_cancelled_the_step_stays_lost(messenger, state, row):
    request = a_request()

    with pytest.raises(StepLost):
        tell_from_ledger(messenger, Ledger(row), request, lost(request, state))


def test_nobody_waits_for_ever(messenger):
    request = a_request(seconds=0.2)
    listens(messenger, request)

    with pytest.raises(DeadlinePassed, match="features of run rfm-1998-06-30-1"):
        wait_for_final(messenger, request, poll=0.05, flow_run=no_flow_run)
