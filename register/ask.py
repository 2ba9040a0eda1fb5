"""Ask for a run: claimed in the register, then durable in the Messenger, whoever asks."""

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import count

from messenger.contract import ORCHESTRATE, RunRequest, Scalar, run_id_of
from messenger.messenger import REQUESTS, Messenger
from register.register import Register, RegisterUnavailable, Run

log = logging.getLogger(__name__)


def ask(
    register: Register,
    messenger: Messenger,
    pipeline: str,
    run_date: date,
    parameters: Mapping[str, Scalar],
    *,
    force: bool,
    requested_by: str,
    deadline: timedelta,
) -> tuple[Run, bool]:
    """The run that answers, and whether it was asked for just now.

    A run that was claimed before and could not be published is published now. Raises ParametersConflict,
    MessengerUnavailable, RegisterUnavailable.
    """
    now = datetime.now(UTC)
    run, _ = register.claim(pipeline, run_date, parameters, force=force, requested_by=requested_by, now=now)
    if run.published or run.final:
        return run, False
    publish(register, messenger, run, deadline)
    return run, True


def publish(register: Register, messenger: Messenger, run: Run, deadline: timedelta) -> None:
    """Published twice it takes effect once: the request is the same, and so is its key.

    It is asked for once it is published, whether or not the register can note that now.
    """
    request = request_of(run, deadline)
    messenger.publish(REQUESTS, request.encode(), request.attributes())
    try:
        register.mark_published(run.run_id)
    except RegisterUnavailable as error:
        log.warning("run %s was published, and will be once more, since that was not noted: %s", run.run_id, error)


def request_of(run: Run, deadline: timedelta) -> RunRequest:
    """The request for the whole run."""
    return RunRequest(
        run_id=run.run_id,
        pipeline=run.pipeline,
        step=ORCHESTRATE,
        run_date=run.run_date,
        attempt=run.attempt,
        parameters=dict(run.parameters),
        requested_by=run.requested_by,
        requested_at=run.requested_at,
        deadline=run.requested_at + deadline,
    )


def attempts(register: Register, pipeline: str, run_date: date) -> Iterator[Run]:
    """All attempts of a date, the oldest first."""
    for attempt in count(1):
        run = register.get(run_id_of(pipeline, run_date, attempt))
        if run is None:
            return
        yield run


def newest_attempt(register: Register, pipeline: str, run_date: date) -> Run | None:
    return max(attempts(register, pipeline, run_date), key=lambda run: run.attempt, default=None)
