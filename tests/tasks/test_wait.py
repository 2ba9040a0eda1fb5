"""The wait ends with the step's own word, or with a cause when no word will come."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from prefect.client.schemas.objects import State, StateType

from messenger.contract import Failure, RunRequest, RunStatus, run_id_of
from messenger.embedded import EmbeddedMessenger
from messenger.messenger import STATUSES
from tasks.request import waiter_of
from tasks.wait import DeadlinePassed, StepLost, wait_for_final

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

    assert status is not None
    assert status.state == "succeeded"


def test_a_failed_status_comes_with_its_error(messenger):
    request = a_request()
    listens(messenger, request)
    says(messenger, request, "failed")

    status = wait_for_final(messenger, request, poll=0.05, flow_run=no_flow_run)

    assert status is not None
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

    assert of_first is not None
    assert of_second is not None
    assert (of_first.state, of_second.state) == ("succeeded", "failed")


@pytest.mark.parametrize("state", [StateType.CRASHED, StateType.CANCELLED, StateType.FAILED])
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

    assert status is not None
    assert status.state == "failed"


def test_a_completed_flow_run_whose_status_was_lost_leaves_it_to_the_ledger(messenger):
    request = a_request()
    listens(messenger, request)

    assert wait_for_final(messenger, request, poll=0.05, flow_run=ended(StateType.COMPLETED)) is None


def test_nobody_waits_for_ever(messenger):
    request = a_request(seconds=0.2)
    listens(messenger, request)

    with pytest.raises(DeadlinePassed, match="features of run rfm-1998-06-30-1"):
        wait_for_final(messenger, request, poll=0.05, flow_run=no_flow_run)
