"""Of all who ask for a date, one flow run carries it out."""

from contextlib import closing
from datetime import UTC, date, datetime

import pytest
from prefect import runtime

from messenger.contract import RunStatus
from register.register import ParametersConflict
from tasks.claim import claim_run, scheduled_run_date
from wiring import open_register

JUNE_30 = date(1998, 6, 30)


def claim(attempt=None, parameters=None, force=False):
    return claim_run.fn("rfm", JUNE_30, attempt, parameters or {}, force=force)


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


def test_the_first_to_ask_carries_it_out_and_the_second_follows(settings):
    first, second = claim(), claim()

    assert (first.request.run_id, first.ours) == ("rfm-1998-06-30-1", True)
    assert (second.request.run_id, second.ours) == ("rfm-1998-06-30-1", False)


def test_a_claim_made_here_needs_no_message_any_more(settings):
    run_id = claim().request.run_id

    with closing(open_register()) as register:
        assert register.get(run_id).published


def test_an_attempt_that_the_invoker_claimed_is_carried_out_as_it_is(settings):
    claimed = claim(attempt=3)

    assert (claimed.request.run_id, claimed.ours) == ("rfm-1998-06-30-3", True)


def test_a_failed_run_and_force_make_a_new_attempt(settings):
    note(claim().request.run_id, "failed")
    after_failure = claim()
    note(after_failure.request.run_id, "succeeded")

    assert (after_failure.request.attempt, after_failure.ours) == (2, True)
    assert claim().ours is False
    assert claim(force=True).request.attempt == 3


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
