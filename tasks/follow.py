"""Follow: another flow run carries out the run that was asked for; end as it ends."""

import time
from contextlib import closing
from datetime import UTC, datetime

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from errors import Permanent, Retryable
from messenger.contract import RunRequest
from register.register import Register, Run
from wiring import open_register

POLL = 1.0
"""Seconds between two looks into the register."""


class FollowedRunFailed(Permanent):
    """The run that was already under way failed."""


class FollowedRunLate(Retryable):
    """The run that was already under way did not end in time."""


def wait_until_final(register: Register, request: RunRequest, *, poll: float = POLL) -> Run:
    while datetime.now(UTC) < request.deadline:
        run = register.get(request.run_id)
        if run is not None and run.final:
            return run
        time.sleep(poll)
    raise FollowedRunLate(f"run {request.run_id} was under way already and did not end before {request.deadline}")


@task(name="follow", task_run_name="follow {request.run_id}", cache_policy=NO_CACHE)
def follow_run(request: RunRequest) -> None:
    """Waits for a run that somebody else carries out. Raises FollowedRunFailed, FollowedRunLate."""
    get_run_logger().info("run %s was asked for before; following it", request.run_id)
    with closing(open_register()) as register:
        run = wait_until_final(register, request)
    if run.error is not None:
        raise FollowedRunFailed(f"run {run.run_id}: {run.error.type}: {run.error.message}")
