"""Messages of the contract for tests."""

from datetime import UTC, date, datetime, timedelta

from messenger.contract import ORCHESTRATE, Failure, RunRequest, RunStatus, run_id_of
from messenger.messenger import REQUESTS, STATUSES

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
DAY = date(2026, 1, 5)


def _about(step, run_date, attempt):
    return {
        "run_id": run_id_of("rfm", run_date, attempt),
        "pipeline": "rfm",
        "step": step,
        "run_date": run_date,
        "attempt": attempt,
    }


def request(step="features", *, run_date=DAY, attempt=1, **parameters):
    about = _about(step, run_date, attempt)
    return RunRequest(**about, parameters=parameters, requested_by="test", requested_at=NOW, deadline=NOW)


def request_of_now(run_date, within):
    """Made just now, and to be done within that time."""
    now = datetime.now(UTC)
    return request(run_date=run_date).model_copy(update={"requested_at": now, "deadline": now + within})


def status(state, step=ORCHESTRATE, *, run_date=DAY, attempt=1, minutes=0):
    """As the step's own flow run tells it."""
    error = Failure(type="Boom", message="it broke") if state == "failed" else None
    about, at = _about(step, run_date, attempt), NOW + timedelta(minutes=minutes)
    return RunStatus(**about, state=state, error=error, flow_run_id=f"of {step}", at=at)


def publish(messenger, *messages):
    """Returns their ids."""
    return [
        messenger.publish(
            STATUSES if isinstance(message, RunStatus) else REQUESTS, message.encode(), message.attributes()
        )
        for message in messages
    ]
