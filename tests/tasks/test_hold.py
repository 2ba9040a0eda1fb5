"""A date that waits in line while an earlier one fails is held back, unless somebody asked for it by hand."""

from contextlib import closing
from datetime import UTC, date, datetime

import pytest
from prefect import runtime

from messenger.contract import Failure
from settings import get_settings
from tasks.catch_up import is_missed
from tasks.claim import claim_run, request_of
from tasks.hold import CATCH_UP, HeldBack, hold_back, require_no_failure_before
from tasks.report import status_of
from watch.due import Due
from wiring import open_messenger, open_register

FIRST, SECOND, THIRD = date(1998, 6, 22), date(1998, 6, 29), date(1998, 7, 6)


@pytest.fixture
def register(settings, monkeypatch):
    monkeypatch.setattr(runtime.flow_run, "id", "f-1", raising=False)
    with closing(open_messenger()) as messenger:
        messenger.setup()
    with closing(open_register()) as register:
        yield register


def asked(register, day, by="test"):
    run, _ = register.claim("rfm", day, {}, force=False, requested_by=by, now=datetime.now(UTC))
    return request_of(run)


def ends(register, run, state):
    error = Failure(type="Boom", message="broke") if state == "failed" else None
    register.note_status(status_of(run, state, error=error))


def scheduled(day):
    return claim_run.fn("rfm", day, None, {}, force=False, scheduled=True)


def test_a_scheduled_run_whose_predecessor_failed_while_it_stood_in_line_is_held_back(register):
    before, run = asked(register, FIRST), scheduled(SECOND)
    hold_back(run, scheduled=True)
    ends(register, before, "failed")

    with pytest.raises(HeldBack, match=r"1998-06-29 is held back because run rfm-1998-06-22-1 has failed"):
        hold_back(run, scheduled=True)

    known = register.get(run.run_id)
    assert (known.state, known.error.type) == ("failed", "HeldBack")


def test_a_run_that_is_caught_up_is_held_back_too(register):
    before, run = asked(register, FIRST), asked(register, SECOND, by=CATCH_UP)
    ends(register, before, "failed")

    with pytest.raises(HeldBack):
        hold_back(run, scheduled=False)


@pytest.mark.parametrize("why", ["asked for by hand", "scheduled, but another asked for the run", "begun", "setting"])
def test_every_other_run_goes_on(register, monkeypatch, why):
    before = asked(register, FIRST)
    if why.startswith("asked"):
        run = asked(register, SECOND)
    elif why.startswith("scheduled"):
        asked(register, SECOND)
        run = scheduled(SECOND)
    else:
        run = scheduled(SECOND)
    if why == "begun":
        ends(register, run, "started")
    if why == "setting":
        monkeypatch.setenv("ORCHESTRATOR_HOLD_AFTER_FAILURE", "false")
        get_settings.cache_clear()
    ends(register, before, "failed")

    hold_back(run, scheduled=not why.startswith("asked"))

    assert register.get(run.run_id).state in ("requested", "started")


def test_what_was_held_back_is_no_failure_and_counts_as_missed(register):
    before, run = asked(register, FIRST), scheduled(SECOND)
    ends(register, before, "failed")
    with pytest.raises(HeldBack):
        hold_back(run, scheduled=True)
    due = Due("rfm", SECOND, datetime.now(UTC))
    assert is_missed(register, due)
    with pytest.raises(HeldBack, match="1998-07-06 is held back because run rfm-1998-06-22-1"):
        require_no_failure_before(register, "rfm", THIRD)

    ends(register, asked(register, FIRST), "succeeded")

    require_no_failure_before(register, "rfm", THIRD)
    assert asked(register, SECOND, by=CATCH_UP).attempt == 2
    assert not is_missed(register, due)
