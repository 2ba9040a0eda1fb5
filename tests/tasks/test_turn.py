"""One process carries a run out; whoever else was asked for it ends as it ends, or takes it up."""

import logging
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from threading import Event, Thread

import pytest
from prefect import runtime

from messenger.contract import Failure
from tasks import turn as module
from tasks.claim import request_of
from tasks.report import status_of
from tasks.turn import RunEndedElsewhere, end_as, turn_of
from wiring import open_register

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
