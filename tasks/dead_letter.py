"""Dead letter: the request of a run that has finally failed is kept with the reason, for a replay after the repair."""

import logging
from contextlib import closing
from uuid import uuid4

from errors import Permanent, Retryable
from messenger.contract import RunRequest, run_id_of
from messenger.messenger import INVOKER_REQUESTS, Delivery
from wiring import open_messenger

log = logging.getLogger(__name__)


def set_aside(run: RunRequest, reason: str) -> None:
    """Replayed, it asks for the next attempt: the flow run of this one has ended, and Prefect would give it back.

    What cannot be set aside now is only logged: the register and the alert have told of the failure.
    """
    attempt = run.attempt + 1
    following = run.model_copy(
        update={"attempt": attempt, "run_id": run_id_of(run.pipeline, run.run_date, attempt), "inputs": {}}
    )
    letter = Delivery(
        message_id=uuid4().hex,
        body=following.encode(),
        attributes=following.attributes(),
        delivery_attempt=0,
        subscription=INVOKER_REQUESTS,
        receipt="",
    )
    try:
        with closing(open_messenger()) as messenger:
            messenger.bury(letter, f"run {run.run_id} has failed: {reason}")
    except (Retryable, Permanent) as error:
        log.error("the request of run %s could not be set aside: %s", run.run_id, error)
