"""One process carries a run out; whoever else was asked for it ends as it ends, or takes it up."""

import logging
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from threading import Event, Thread
from types import SimpleNamespace

import pytest
from prefect import runtime
from prefect.exceptions import TerminationSignal

from messenger.contract import Failure
from tasks import turn as module
from tasks.claim import request_of
from tasks.listen import start_listening, waiter_of
from tasks.report import status_of
from tasks.turn import RunEndedElsewhere, TurnLost, end_as, turn_of
from tests.waiting import until
from warehouse.warehouse import CLOSED
from wiring import open_messenger, open_register, open_warehouse

JUNE_30 = date(1998, 6, 30)


@pytest.fixture
def run(settings, monkeypatch):
    monkeypatch.setattr(module, "get_run_logger", lambda: logging.getLogger("test"))
    monkeypatch.setattr(module, "LOOK", 0.02)
    monkeypatch.setattr(runtime.flow_run, "id", "f-1", raising=False)
    with closing(open_register()) as register:
        claimed, _ = register.claim("rfm", JUNE_30, {}, force=False, requested_by="test", now=datetime.now(UTC))
    return request_of(claimed)


def ends(run, state, **more):
    error = Failure(type="Boom", message="broke") if state == "failed" else None
    with closing(open_register()) as register:
        register.note_status(status_of(run, state, error=error, **more))


def meanwhile(run):
    """Another process that waits for the same run; what it came to is in the list when it has ended."""
    found, waiting = [], Event()

    def wait():
        waiting.set()
        with turn_of(run) as turn:
            found.append(turn.ended)

    thread = Thread(target=wait)
    thread.start()
    waiting.wait()
    return found, thread


@pytest.mark.parametrize("state", ["succeeded", "failed"])
def test_who_waits_for_a_run_that_another_carries_out_ends_as_it_ends(run, state):
    with turn_of(run) as turn:
        assert turn.ended is None
        found, other = meanwhile(run)
        ends(run, state)
        other.join(10)

    assert [ended.state for ended in found] == [state]
    if state == "succeeded":
        assert end_as(found[0]) == run.run_id
    else:
        with pytest.raises(RunEndedElsewhere, match="Boom: broke"):
            end_as(found[0])


def test_a_run_that_went_on_as_another_attempt_is_followed_to_its_end(run):
    with closing(open_register()) as register:
        failed = status_of(
            run, "failed", facts={"continued_by": "rfm-1998-06-30-2"}, error=Failure(type="Lost", message="x")
        )
        second = register.go_on(failed, requested_by="test", now=datetime.now(UTC))
    ends(request_of(second), "succeeded")

    with turn_of(run) as turn:
        assert end_as(turn.ended) == "rfm-1998-06-30-2"


def test_who_waits_takes_the_run_up_when_its_process_is_no_longer_heard_of(run, monkeypatch):
    monkeypatch.setattr(module, "LEASE", timedelta(seconds=1))
    with closing(open_register()) as register:
        register.take_turn(
            run.run_id, "dead", at_once=1, lease=module.LEASE, patience=module.PATIENCE, now=datetime.now(UTC)
        )

    with turn_of(run) as turn:
        assert turn.ended is None


def test_a_turn_is_kept_as_long_as_it_takes_and_left_at_the_end(run, monkeypatch):
    monkeypatch.setattr(module, "LEASE", timedelta(seconds=0.5))
    with closing(open_register()) as register:
        with turn_of(run):
            began = datetime.now(UTC)
            while datetime.now(UTC) - began < 3 * module.LEASE:
                assert register.holder_of(run.run_id, now=datetime.now(UTC))
        assert register.holder_of(run.run_id, now=datetime.now(UTC)) is None


class TestCancelled:
    """The process is told to end, as Prefect's worker does it when the flow run was cancelled."""

    @pytest.fixture
    def stopped(self, run, monkeypatch):
        """The runs whose steps Prefect was asked to stop."""
        stopped = []
        monkeypatch.setattr("tasks.cancel.stop_steps", lambda run, reason, *, ending: stopped.append(run.run_id))
        monkeypatch.setattr(module, "is_cancelled_by_somebody", lambda: True)
        open_warehouse().prepare()
        with closing(open_messenger()) as messenger:
            messenger.setup()
        return stopped

    @staticmethod
    def known(run):
        with closing(open_register()) as register:
            return register.get(run.run_id)

    @staticmethod
    def told_to_end_after(run, state):
        ends(run, state)
        return TerminationSignal(15)

    @staticmethod
    def cancelled_while_it_waits(run, monkeypatch):
        def cancel(_seconds):
            raise TerminationSignal(15)

        with monkeypatch.context() as patch:
            patch.setattr(module, "time", SimpleNamespace(sleep=cancel))
            with pytest.raises(TerminationSignal), turn_of(run):
                pass

    def test_in_line_the_run_has_ended_and_nothing_had_to_be_closed(self, run, stopped, monkeypatch):
        with closing(open_register()) as register:
            later, _ = register.claim(
                "rfm", date(1998, 7, 6), {}, force=False, requested_by="test", now=datetime.now(UTC)
            )
            register.take_turn(
                run.run_id, "a process", at_once=1, lease=module.LEASE, patience=module.PATIENCE, now=datetime.now(UTC)
            )

        self.cancelled_while_it_waits(request_of(later), monkeypatch)

        known = self.known(later)
        assert (known.state, known.error.type) == ("failed", "RunCancelled")
        assert stopped == []
        with closing(open_register()) as register:
            assert register.holder_of(later.run_id, now=datetime.now(UTC)) is None

    def test_in_line_for_a_run_that_another_process_carries_out_that_one_goes_on(self, run, stopped, monkeypatch):
        with turn_of(run):
            self.cancelled_while_it_waits(run, monkeypatch)

            assert self.known(run).state == "requested"

    def test_under_way_the_run_is_closed_its_steps_are_stopped_and_its_subscription_is_gone(self, run, stopped):
        start_listening(run.run_id, until=run.deadline)
        ends(run, "started")

        with pytest.raises(TerminationSignal), turn_of(run):
            raise TerminationSignal(15)

        known = self.known(run)
        assert (known.state, known.error.type) == ("failed", "RunCancelled")
        assert stopped == [run.run_id]
        assert "was cancelled" in open_warehouse().ledger_row(run.run_id, CLOSED).facts["reason"]
        with closing(open_messenger()) as messenger:
            assert waiter_of(run.run_id) not in messenger.subscriptions()

    def test_after_its_end_the_run_stays_as_it_ended(self, run, stopped):
        ends(run, "started")

        with pytest.raises(TerminationSignal), turn_of(run):
            raise self.told_to_end_after(run, "succeeded")

        assert (self.known(run).state, stopped) == ("succeeded", [])

    def test_a_process_that_is_taken_away_for_another_reason_leaves_the_run(self, run, stopped, monkeypatch):
        monkeypatch.setattr(module, "is_cancelled_by_somebody", lambda: False)

        with pytest.raises(TerminationSignal), turn_of(run):
            raise TerminationSignal(15)

        assert self.known(run).state == "requested"

    def test_a_warehouse_in_use_leaves_the_run_to_reconcile(self, run, stopped, monkeypatch):
        def busy(*_, **__):
            raise module.Retryable("held by process 7")

        monkeypatch.setattr("tasks.cancel.close_run", busy)
        ends(run, "started")

        with pytest.raises(TerminationSignal), turn_of(run):
            raise TerminationSignal(15)

        assert self.known(run).state == "started"


class TestSilent:
    """A process that was not heard of for longer than its lease, as on a machine that slept."""

    @pytest.fixture
    def soon(self, monkeypatch):
        monkeypatch.setattr(module, "LEASE", timedelta(seconds=0.5))

    def test_it_takes_its_turn_anew_when_nobody_else_has_it(self, run, soon):
        with turn_of(run) as turn, closing(open_register()) as register:
            register._file.write(lambda file: file.execute("DELETE FROM turns"))
            until(lambda: register.holder_of(run.run_id, now=datetime.now(UTC)), 10, "the turn")

            turn.require()

    def test_it_begins_nothing_more_when_another_process_has_it(self, run, soon):
        with turn_of(run) as turn, closing(open_register()) as register:
            register._file.write(lambda file: file.execute("UPDATE turns SET holder = 'another', until = '2999'"))
            until(lambda: turn._lost_to, 10, "the process to notice")

            with pytest.raises(TurnLost):
                turn.require()
