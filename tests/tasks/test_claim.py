"""Of all who ask for a date, one flow run carries it out."""

from contextlib import closing
from datetime import UTC, date, datetime

import pytest
from prefect import runtime

from messenger.contract import RunStatus
from register.register import ParametersConflict
from settings import get_settings
from tasks.claim import claim_run, scheduled_run_date
from tasks.hold import HeldBack
from wiring import open_register

JUNE_30 = date(1998, 6, 30)


def claim(attempt=None, parameters=None, force=False, run_date=JUNE_30, scheduled=False):
    return claim_run.fn("rfm", run_date, attempt, parameters or {}, force=force, scheduled=scheduled)


def note(run_id, state):
    with closing(open_register()) as register:
        error = {"type": "Broken", "message": "why"} if state == "failed" else None
        register.note_status(
            RunStatus(
                run_id=run_id,
                pipeline="rfm",
                step="orchestrate",
                run_date=JUNE_30,
                attempt=int(run_id[-1]),
                state=state,
                error=error,
                at=datetime.now(UTC),
            )
        )


def test_all_who_ask_for_a_date_are_given_the_same_run(settings):
    assert claim().run_id == claim().run_id == "rfm-1998-06-30-1"


def test_a_claim_made_here_needs_no_message_any_more(settings):
    run_id = claim().run_id

    with closing(open_register()) as register:
        assert register.get(run_id).published


def test_an_attempt_that_the_invoker_claimed_is_carried_out_as_it_is(settings):
    claimed = claim(attempt=3)

    assert claimed.run_id == "rfm-1998-06-30-3"
    with closing(open_register()) as register:
        assert register.get(claimed.run_id).state == "requested"


def test_a_failed_run_and_force_make_a_new_attempt(settings):
    note(claim().run_id, "failed")
    after_failure = claim()
    note(after_failure.run_id, "succeeded")

    assert after_failure.attempt == 2
    assert claim().attempt == 2
    assert claim(force=True).attempt == 3


def test_a_failed_date_holds_later_scheduled_ones_back_and_nobody_else(settings):
    note(claim().run_id, "failed")

    with pytest.raises(HeldBack, match=r"1998-07-06 is held back because run rfm-1998-06-30-1 has failed"):
        claim(run_date=date(1998, 7, 6), scheduled=True)

    assert claim(run_date=date(1998, 6, 29), scheduled=True).attempt == 1
    assert claim(run_date=date(1998, 7, 6)).attempt == 1


def test_by_setting_nothing_is_held_back(settings, monkeypatch):
    monkeypatch.setenv("ORCHESTRATOR_HOLD_AFTER_FAILURE", "false")
    get_settings.cache_clear()
    note(claim().run_id, "failed")

    assert claim(run_date=date(1998, 7, 6), scheduled=True).attempt == 1


def test_the_same_date_with_other_parameters_is_refused(settings):
    claim()

    with pytest.raises(ParametersConflict):
        claim(parameters={"rules": "tercile"})


@pytest.mark.parametrize(
    ("scheduled", "expected"),
    [
        ("2026-11-22 21:00:00", date(2026, 11, 23)),  # Monday 08:00 in Sydney, daylight saving time
        ("2026-07-05 22:00:00", date(2026, 7, 6)),  # Monday 08:00 in Sydney, standard time
        ("2026-11-22 12:59:59", date(2026, 11, 22)),
        ("2026-11-22 13:00:00", date(2026, 11, 23)),  # midnight in Sydney
    ],
)
def test_a_scheduled_run_is_of_its_day_in_the_business_time_zone(settings, monkeypatch, scheduled, expected):
    start = datetime.fromisoformat(scheduled).replace(tzinfo=UTC)
    monkeypatch.setattr(runtime.flow_run, "scheduled_start_time", start, raising=False)

    assert scheduled_run_date() == expected
