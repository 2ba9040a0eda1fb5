"""Dead letter: the request of a run that has finally failed is kept with the reason, for a replay after the repair.

When a later attempt of the date is confirmed, by whatever way it was asked for, the repair is done and the letter goes.
"""

import logging
from contextlib import closing
from uuid import uuid4

from errors import Permanent, Retryable
from messenger.contract import RunRequest, dated, run_id_of
from messenger.messenger import INVOKER_REQUESTS, DeadLetter, Delivery, Messenger
from wiring import open_messenger

log = logging.getLogger(__name__)
FAILED = " has failed: "


def set_aside(run: RunRequest, reason: str) -> None:
    """Replayed, it asks for the next attempt: the flow run of this one has ended, and Prefect would give it back. Once
    is enough, when it can be seen: reconcile may find a run whose orchestrator has done it.

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
            ended = f"run {run.run_id}{FAILED}"
            if not _is_set_aside(messenger, ended):
                messenger.bury(letter, f"{ended}{reason}")
    except (Retryable, Permanent) as error:
        log.error("the request of run %s could not be set aside: %s", run.run_id, error)


def _is_set_aside(messenger: Messenger, ended: str) -> bool:
    """Not known is no: twice is better than never."""
    try:
        return any(one.reason.startswith(ended) for one in messenger.dead_letters())
    except (Retryable, Permanent):
        return False


def take_back(run: RunRequest) -> None:
    """To be called when the run is confirmed: what earlier attempts of its date have set aside needs nobody any more.

    Letters that somebody else has buried stay. What cannot be looked at now is only logged, and stays for a person.
    """
    if run.attempt == 1:
        return
    try:
        with closing(open_messenger()) as messenger:
            ours = [letter.message_id for letter in messenger.dead_letters() if _set_aside_for(letter, run)]
            for message_id, why in (messenger.drop(*ours) if ours else {}).items():
                log.warning("dead letter %s of an earlier attempt of run %s stays: %s", message_id, run.run_id, why)
    except (Retryable, Permanent) as error:
        log.warning("dead letters of earlier attempts of run %s could not be dropped: %s", run.run_id, error)


def _set_aside_for(letter: DeadLetter, run: RunRequest) -> bool:
    """By its reason: attempts of a date differ in the number after the last dash."""
    return letter.reason.startswith(f"run {dated(run.run_id)}-") and FAILED in letter.reason
