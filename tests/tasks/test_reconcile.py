"""After bad days each thing that does not fit is settled, by the one who knows."""

import dataclasses
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from prefect.client.schemas.objects import State, StateType

from messenger.contract import ORCHESTRATE, RunStatus
from messenger.decode import decode_request
from messenger.messenger import INVOKER_REQUESTS
from tasks import reconcile as module
from tasks.claim import request_of
from tasks.reconcile import reconcile
from tasks.turn import LEASE, PATIENCE
from warehouse.warehouse import CLOSED, LedgerRow
from wiring import open_messenger, open_register, open_warehouse

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(minutes=5)
RUN = "rfm-1998-06-30-1"


@pytest.fixture
def told(monkeypatch):
    alerts = []
    monkeypatch.setattr(
        module, "alert_run", lambda request, error, step: alerts.append((request.run_id, type(error).__name__, step))
    )
    return alerts


@pytest.fixture
def register(settings, monkeypatch, told):
    monkeypatch.setattr("tasks.cancel.stop_steps", lambda run, reason: [])
    open_warehouse().prepare()
    with closing(open_messenger()) as messenger:
        messenger.setup()
    with closing(open_register()) as register:
        yield register


def claimed(register, now=LONG_AGO):
    return register.claim("rfm", date(1998, 6, 30), {}, force=False, requested_by="test", now=now)[0]


def says(register, run, step, state, **facts):
    about = request_of(run).model_dump(include={"run_id", "pipeline", "run_date", "attempt"})
    register.note_status(RunStatus(**about, step=step, state=state, facts=facts, flow_run_id="f-1", at=NOW))


def prefect(state_type, since=NOW):
    state = State(type=state_type, timestamp=since)
    flow_run = SimpleNamespace(id="f-1", state=state, state_name=state_type.value.title())
    return lambda _run: flow_run


def nothing(_run):
    return None


def settle(register, look=nothing):
    return [(one.run_id, one.done) for one in reconcile(register, open_warehouse(), look, NOW)]


def asked():
    with closing(open_messenger()) as messenger:
        return [decode_request(one) for one in messenger.pull(INVOKER_REQUESTS, limit=10, wait=0)]


@pytest.mark.parametrize("look", [nothing, prefect(StateType.CRASHED), prefect(StateType.RUNNING)])
def test_a_run_that_nobody_carries_out_is_asked_for_again(register, look):
    claimed(register)

    assert settle(register, look) == [(RUN, "asked for again")]
    assert [(one.run_id, one.step) for one in asked()] == [(RUN, ORCHESTRATE)]


def test_a_run_that_is_carried_out_or_was_just_asked_for_or_has_still_to_begin_is_left_alone(register):
    run = claimed(register)
    register.take_turn(run.run_id, "a process", at_once=1, lease=LEASE, patience=PATIENCE, now=NOW)
    assert settle(register) == []
    register.end_turn(run.run_id, "a process")
    assert settle(register, prefect(StateType.SCHEDULED)) == []

    register.claim("rfm", date(1998, 7, 6), {}, force=False, requested_by="test", now=NOW)
    assert [run_id for run_id, _ in settle(register)] == [RUN]


def test_an_orchestrator_that_was_taken_by_a_worker_and_never_started_is_ended_and_another_asked_for(
    register, monkeypatch
):
    claimed(register)
    ended = []
    monkeypatch.setattr(module, "end_stuck", lambda flow_run: ended.append(flow_run.id))

    assert (settle(register, prefect(StateType.PENDING)), ended) == ([], [])
    assert settle(register, prefect(StateType.PENDING, since=NOW - timedelta(hours=1))) == [(RUN, "asked for again")]
    assert ended == ["f-1"]


def test_a_cancelled_run_that_could_not_say_so_is_closed_and_has_failed(register):
    claimed(register)

    assert settle(register, prefect(StateType.CANCELLED)) == [(RUN, "steps stopped, run closed")]
    assert register.get(RUN).error.type == "RunCancelled"
    assert "cancelled in Prefect" in open_warehouse().ledger_row(RUN, CLOSED).facts["reason"]
    assert (settle(register), asked()) == ([], [])


def test_a_step_that_has_committed_and_never_said_so_is_told_from_the_ledger(register, monkeypatch):
    run = claimed(register)
    says(register, run, ORCHESTRATE, "succeeded")
    row = LedgerRow(RUN, "rfm", "scoring", run.run_date, 1, "f-2", {"scored": 7}, NOW)
    rows = {"scoring": row}
    warehouse = SimpleNamespace(ledger_row=lambda run_id, step: rows.get(step))
    assert reconcile(register, warehouse, nothing, NOW) == [], "readers have the files of the run before"

    rows["published"] = dataclasses.replace(row, step="published")
    settled = reconcile(register, warehouse, nothing, NOW)

    assert [one.done for one in settled] == ["told from the ledger"]
    [news] = [news for news in register.get(RUN).steps if news.step == "scoring"]
    assert (news.state, news.facts, news.flow_run_id) == ("succeeded", {"scored": 7}, "f-2")
    assert reconcile(register, warehouse, nothing, NOW) == []


def test_of_a_status_without_its_row_in_the_ledger_people_are_told_until_the_date_is_asked_for_again(register, told):
    run = claimed(register)
    says(register, run, "features", "succeeded")
    says(register, run, ORCHESTRATE, "succeeded")

    assert settle(register) == [(RUN, "people are told: ask for the date again")]
    assert told == [(RUN, "NotConfirmed", "features")]

    register.claim("rfm", run.run_date, {}, force=True, requested_by="test", now=NOW)
    assert settle(register) == []


def test_one_that_cannot_be_settled_keeps_no_other_from_it(register, monkeypatch):
    claimed(register)
    register.claim("rfm", date(1998, 7, 6), {}, force=False, requested_by="test", now=LONG_AGO)
    really = module.settle_unfinished

    def settle_one(register, run, look, now):
        if run.run_id == RUN:
            raise module.httpx.ConnectError("down")
        return really(register, run, look, now)

    monkeypatch.setattr(module, "settle_unfinished", settle_one)

    assert settle(register) == [("rfm-1998-07-06-1", "asked for again"), (RUN, "not settled now: ConnectError")]
