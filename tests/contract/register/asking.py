"""What the suites ask of a register: a claim, and news of its run."""

from datetime import UTC, date, datetime, timedelta

from messenger.contract import Failure, RunRequest, RunStatus

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
DAY = date(2026, 1, 5)
BOOM = Failure(type="Boom", message="it broke")


def claim(register, day=DAY, parameters=None, *, pipeline="rfm", force=False, now=NOW):
    return register.claim(pipeline, day, parameters or {}, force=force, requested_by="test", now=now)


def status(state, *, step="orchestrate", attempt=1, minutes=1, **fields):
    return RunStatus(
        run_id=f"rfm-2026-01-05-{attempt}",
        pipeline="rfm",
        step=step,
        run_date=DAY,
        attempt=attempt,
        state=state,
        error=BOOM if state == "failed" else None,
        at=NOW + timedelta(minutes=minutes),
        **fields,
    )


def request(step="features", attempt=1):
    return RunRequest(
        run_id=f"rfm-2026-01-05-{attempt}",
        pipeline="rfm",
        step=step,
        run_date=DAY,
        attempt=attempt,
        parameters={"model": "frozen"},
        requested_by="somebody",
        requested_at=NOW,
        deadline=NOW,
    )
