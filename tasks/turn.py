"""Turn: the runs of a pipeline go in the order of their dates, and each is carried out by one process.

The register keeps the line. A process that is not heard of for LEASE has left it, whatever it died of, so nobody
waits for the dead; and whoever waits for a run that another process carries out takes it up when that one dies
(docs/adr/0018-order-and-closing.md).
"""

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from prefect import get_run_logger, runtime

from errors import Permanent, Retryable
from messenger.contract import RunRequest
from register.register import Register, RegisterUnavailable, Run
from settings import get_settings
from tasks.claim import request_of
from wiring import open_register

LEASE = timedelta(seconds=30)
PATIENCE = timedelta(seconds=60)
"""So long a run that was just asked for has for its orchestrator to get in line."""
LOOK = 0.5
"""Seconds between two looks at the line."""
log = logging.getLogger(__name__)


class RunEndedElsewhere(Permanent):
    """The run was carried out by another process, and failed."""


class Turn:
    """This process's place in the line. `ended` is the run when another process has ended it meanwhile."""

    def __init__(self, register: Register, run: RunRequest, holder: str) -> None:
        self.run = run
        self.ended: Run | None = None
        self._register = register
        self._holder = holder

    def wait(self) -> None:
        """Until the run has its turn, or another process has ended it."""
        before: str | None = None
        while True:
            known = self._register.get(self.run.run_id)
            if known is not None and known.final:
                self._follow(known)
                if self.ended is not None:
                    return
                continue
            turn = self._register.take_turn(
                self.run.run_id,
                self._holder,
                at_once=get_settings().orchestrator.runs_at_once,
                lease=LEASE,
                patience=PATIENCE,
                now=datetime.now(UTC),
            )
            if turn.mine:
                return
            if turn.before != before:
                before = turn.before
                get_run_logger().info(_waits_for(self.run.run_id, before))
            time.sleep(LOOK)

    def go_on_as(self, run: RunRequest) -> None:
        """The next attempt takes this one's place."""
        self._register.end_turn(self.run.run_id, self._holder)
        self.run = run
        self.wait()

    def keep(self, done: threading.Event) -> None:
        while not done.wait(LEASE.total_seconds() / 5):
            try:
                kept = self._register.keep_turn(self.run.run_id, self._holder, lease=LEASE, now=datetime.now(UTC))
            except RegisterUnavailable as error:
                log.warning("run %s could not say that it lives: %s", self.run.run_id, error)
                continue
            if not kept:
                log.warning("run %s was silent for too long: another process may carry it out", self.run.run_id)

    def leave(self) -> None:
        self._register.end_turn(self.run.run_id, self._holder)

    def _follow(self, known: Run) -> None:
        """A run that goes on as another attempt is followed to its end."""
        following = self._register.get(known.continued_by) if known.continued_by else None
        if following is None:
            self.ended = known
        else:
            self.run = request_of(following)


def _waits_for(run_id: str, before: str | None) -> str:
    if before == run_id:
        return f"run {run_id} is carried out by another process; waiting for its end, or to take it up"
    return f"run {run_id} waits for its turn, after run {before}"


@contextmanager
def turn_of(run: RunRequest) -> Iterator[Turn]:
    """Waits in line for the run, and keeps its turn in the meantime. Raises RegisterUnavailable."""
    holder = f"{runtime.flow_run.id}/{os.getpid()}/{uuid4().hex[:8]}"
    with closing(open_register()) as register:
        turn, done = Turn(register, run, holder), threading.Event()
        keeper = threading.Thread(target=turn.keep, args=(done,), name="turn", daemon=True)
        try:
            turn.wait()
            keeper.start()
            yield turn
        finally:
            done.set()
            if keeper.is_alive():
                keeper.join()
            _leave(turn)


def _leave(turn: Turn) -> None:
    try:
        turn.leave()
    except Retryable as error:
        log.warning("run %s leaves its turn to its lease: %s", turn.run.run_id, error)


def end_as(ended: Run) -> str:
    """The run_id of a run that another process has confirmed. Raises RunEndedElsewhere."""
    if ended.error is not None:
        raise RunEndedElsewhere(f"run {ended.run_id}: {ended.error.type}: {ended.error.message}")
    return ended.run_id
