"""After bad days each thing that does not fit is settled, by the one who knows."""

import dataclasses
import logging
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import httpx
import pytest
from prefect.client.schemas.objects import State, StateType

from messenger.contract import ORCHESTRATE, RunStatus
from messenger.decode import decode_request
from messenger.messenger import INVOKER_REQUESTS
from settings import get_settings
from tasks import reconcile as module
from tasks import unfinished
from tasks.cancel import RunCancelled
from tasks.claim import request_of
from tasks.reconcile import alert_failed, ask_afterwards, hold_against_ledger, settle_ledger
from tasks.turn import LEASE, PATIENCE
from tasks.unfinished import orchestrator_of, settle_ends
from tests.processes import HOLD_WAREHOUSE, process
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
    monkeypatch.setattr("tasks.cancel.stop_steps", lambda run, reason, *, ending: [])
    open_warehouse().prepare()
    with closing(open_messenger()) as messenger:
        messenger.setup()
    with closing(open_register()) as register:
        yield register


def claimed(register, now=LONG_AGO):
    return register.claim("rfm", date(1998, 6, 30), {}, force=False, requested_by="test", now=now)[0]


def says(register, run, step, state, at=NOW, error=None, **facts):
    about = request_of(run).model_dump(include={"run_id", "pipeline", "run_date", "attempt"})
    told = {"error": {"type": error, "message": "why"}} if error else {}
    register.note_status(RunStatus(**about, **told, step=step, state=state, facts=facts, flow_run_id="f-1", at=at))


def prefect(state_type, since=NOW):
    state = State(type=state_type, timestamp=since)
    flow_run = SimpleNamespace(id="f-1", state=state, state_name=state_type.value.title())
    return lambda _run: flow_run


def nothing(_run):
    return None


def settle(register, look=nothing):
    settled = [*settle_ends(register, look, NOW), *hold_against_ledger(register, open_warehouse(), NOW)]
    return [(one.run_id, one.done) for one in settled]


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
    monkeypatch.setattr(unfinished, "end_stuck", lambda flow_run: ended.append(flow_run.id))

    assert (settle(register, prefect(StateType.PENDING)), ended) == ([], [])
    assert settle(register, prefect(StateType.PENDING, since=NOW - timedelta(hours=1))) == [(RUN, "asked for again")]
    assert ended == ["f-1"]


def test_a_cancelled_run_that_could_not_say_so_is_closed_and_has_failed(register):
    says(register, claimed(register), ORCHESTRATE, "started")

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
    assert hold_against_ledger(register, warehouse, NOW) == [], "readers have the files of the run before"

    rows["published"] = dataclasses.replace(row, step="published")
    settled = hold_against_ledger(register, warehouse, NOW)

    assert [one.done for one in settled] == ["told from the ledger"]
    [news] = [news for news in register.get(RUN).steps if news.step == "scoring"]
    assert (news.state, news.facts, news.flow_run_id) == ("succeeded", {"scored": 7}, "f-2")
    assert hold_against_ledger(register, warehouse, NOW) == []


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
    really = unfinished.settle_unfinished

    def settle_one(register, run, look, now):
        if run.run_id == RUN:
            raise httpx.ConnectError("down")
        return really(register, run, look, now)

    monkeypatch.setattr(unfinished, "settle_unfinished", settle_one)

    assert settle(register) == [("rfm-1998-07-06-1", "asked for again"), (RUN, "not settled now: ConnectError")]


def test_a_run_cancelled_in_line_has_nothing_to_close(register):
    claimed(register)

    assert settle(register, prefect(StateType.CANCELLED)) == [(RUN, "ended")]
    assert open_warehouse().ledger_row(RUN, CLOSED) is None


def test_a_run_whose_flow_run_has_failed_without_a_word_is_ended_and_set_aside(register):
    claimed(register)

    assert settle(register, prefect(StateType.FAILED)) == [
        (RUN, "ended, and set aside"),
        (RUN, "steps stopped, run closed"),
    ]

    assert (register.get(RUN).state, register.get(RUN).error.type) == ("failed", "Failed")
    assert asked() == []
    with closing(open_messenger()) as messenger:
        [letter] = messenger.dead_letters()
    assert f"run {RUN} has failed: flow run f-1 ended as Failed" in letter.reason


def test_a_run_whose_flow_run_has_completed_was_confirmed(register):
    says(register, claimed(register), ORCHESTRATE, "started")

    assert settle(register, prefect(StateType.COMPLETED)) == [(RUN, "noted")]
    assert register.get(RUN).state == "succeeded"


@pytest.fixture
def alerted(monkeypatch):
    alerts = []
    monkeypatch.setattr(module, "alert_run", lambda run, error, **more: alerts.append((type(error).__name__, more)))
    return alerts


@pytest.mark.parametrize(
    ("error", "told_as"),
    [
        ("StepFailed", "Permanent"),
        ("StepLost", "StepLost"),
        ("NotConfirmed", "NotConfirmed"),
    ],
)
def test_who_died_before_it_could_tell_people_is_told_of(register, alerted, error, told_as):
    run = claimed(register)
    says(register, run, ORCHESTRATE, "failed", error=error, failed_step="scoring")
    alert_failed(register, NOW)
    assert alerted == [], "the orchestrator may just be telling"

    alert_failed(register, NOW + 2 * PATIENCE)

    assert alerted == [(told_as, {"step": "scoring", "flow_run_id": "f-1"})]


@pytest.mark.parametrize(("word", "told_as"), [("Failed", "Permanent"), ("Crashed", "StepLost")])
def test_who_has_ended_in_prefects_words_tells_nobody_and_is_told_of_at_once(register, alerted, word, told_as):
    says(register, claimed(register), ORCHESTRATE, "failed", error=word)

    alert_failed(register, NOW)

    assert [name for name, _ in alerted] == [told_as]


@pytest.mark.parametrize("error", ["StepLost", "Crashed", "DeadlinePassed"])
def test_a_failed_run_that_could_not_be_closed_is_closed_once(register, error):
    says(register, claimed(register), ORCHESTRATE, "failed", error=error)

    assert settle(register) == [(RUN, "steps stopped, run closed")]

    assert open_warehouse().ledger_row(RUN, CLOSED).facts["reason"] == "it has failed"
    assert settle(register) == []


@pytest.mark.parametrize("error", ["RunCancelled", "HeldBack"])
def test_a_run_that_was_held_back_or_cancelled_has_nothing_left_to_close(register, error):
    says(register, claimed(register), ORCHESTRATE, "failed", error=error)

    assert settle(register) == []


def test_people_are_not_told_of_what_they_have_chosen_or_what_was_asked_for_again(register, alerted):
    for day, error in ((1, RunCancelled.__name__), (2, "Cancelled"), (3, "HeldBack"), (4, "StepFailed")):
        run, _ = register.claim("rfm", date(1998, 7, day), {}, force=False, requested_by="test", now=LONG_AGO)
        says(register, run, ORCHESTRATE, "failed", error=error)
    register.claim("rfm", date(1998, 7, 4), {}, force=False, requested_by="test", now=NOW)

    alert_failed(register, NOW + 2 * PATIENCE)

    assert alerted == []


def test_a_report_that_was_never_asked_for_is_asked_for_once(register):
    run = claimed(register)
    says(register, run, ORCHESTRATE, "succeeded", at=NOW - timedelta(seconds=30))
    assert ask_afterwards(register, NOW) == [], "the orchestrator may just be asking for it"

    later = NOW + timedelta(minutes=1)
    assert [one.found for one in ask_afterwards(register, later)] == ["report was never asked for"]

    assert ask_afterwards(register, later + timedelta(minutes=2)) == []
    [request] = asked()
    assert (request.key, request.requested_by) == (f"{RUN}/report", "prefect flow run f-1")


def test_the_report_of_an_attempt_that_was_superseded_is_left(register):
    says(register, claimed(register), ORCHESTRATE, "succeeded", at=LONG_AGO)
    register.claim("rfm", date(1998, 6, 30), {}, force=True, requested_by="test", now=NOW)

    assert ask_afterwards(register, NOW) == []


@pytest.mark.parametrize(
    ("has_told", "by_key", "requested_by", "found"),
    [
        (True, True, "prefect flow run 00000000-0000-0000-0000-000000000007", "f-1"),
        (False, True, "prefect flow run 00000000-0000-0000-0000-000000000007", f"{RUN}/{ORCHESTRATE}"),
        (False, False, "prefect flow run 00000000-0000-0000-0000-000000000007", "00000000-0000-0000-0000-000000000007"),
        (False, False, "POST /invoke", None),
    ],
)
def test_a_flow_run_is_found_by_what_it_told_by_the_key_or_because_it_asked(
    register, monkeypatch, has_told, by_key, requested_by, found
):
    monkeypatch.setattr(unfinished, "find_flow_run_by_id", lambda flow_run_id: flow_run_id)
    monkeypatch.setattr(unfinished, "find_flow_run", lambda key: key if by_key else None)
    day = date(1998, 6, 30)
    run, _ = register.claim("rfm", day, {}, force=False, requested_by=requested_by, now=LONG_AGO)
    if has_told:
        says(register, run, ORCHESTRATE, "started")

    assert orchestrator_of(register.get(run.run_id)) == found


def test_a_warehouse_in_use_is_for_the_next_time(register, settings, monkeypatch):
    monkeypatch.setattr(module, "get_run_logger", lambda: logging.getLogger("test"))
    monkeypatch.setenv("WAREHOUSE_LOCK_WAIT", "0.2")
    get_settings.cache_clear()
    says(register, claimed(register), ORCHESTRATE, "succeeded")

    with process(HOLD_WAREHOUSE, settings.warehouse.path) as holder:
        assert holder.stdout.readline() == "held\n"
        assert settle_ledger.fn() == []
