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
from functools import partial
from uuid import uuid4

from prefect import get_run_logger, runtime
from prefect.exceptions import TerminationSignal

from errors import Permanent, Retryable
from messenger.contract import RunRequest
from register.register import Register, RegisterUnavailable, Run
from register.register import Turn as Place
from settings import get_settings
from tasks.cancel import cancel_run
from tasks.claim import request_of
from tasks.look import is_cancelled_by_somebody
from tasks.with_register import until_there
from wiring import open_register

LEASE = timedelta(seconds=30)
PATIENCE = timedelta(seconds=60)
"""So long a run that was just asked for has for its orchestrator to get in line."""
LOOK = 0.5
"""Seconds between two looks at the line."""
log = logging.getLogger(__name__)


class RunEndedElsewhere(Permanent):
    """The run was carried out by another process, and failed."""


class TurnLost(BaseException):
    """The process was silent for longer than its lease, as on a machine that slept, and another run or process has its
    turn. It ends as if it had been killed: no error handling may end the run, which others take up.
    """


class Turn:
    """This process's place in the line. `ended` is the run when another process has ended it meanwhile.

    `holds`: it is this process that carries the run out, or will when its turn has come.
    """

    def __init__(self, register: Register, run: RunRequest, holder: str) -> None:
        self.run = run
        self.ended: Run | None = None
        self.holds = False
        self._register = register
        self._holder = holder
        self._lost_to: str | None = None

    def wait(self) -> None:
        """Until the run has its turn, or another process has ended it."""
        before: str | None = None
        while True:
            known = until_there(partial(self._register.get, self.run.run_id))
            if known is not None and known.final:
                self._follow(known)
                if self.ended is not None:
                    return
                continue
            place = until_there(self._take)
            self.holds = place.mine or place.before != self.run.run_id
            if place.mine:
                self._lost_to = None
                return
            if place.before != before:
                before = place.before
                get_run_logger().info(_waits_for(self.run.run_id, before))
            time.sleep(LOOK)

    def require(self) -> None:
        """Before anything is begun. Raises TurnLost."""
        if self._lost_to is not None:
            raise TurnLost(f"run {self.run.run_id} was silent for too long, and {self._lost_to} has the turn now")

    def go_on_as(self, run: RunRequest) -> None:
        """The next attempt takes this one's place."""
        _leave(self)
        self.run = run
        self.wait()

    def keep(self, done: threading.Event) -> None:
        while not done.wait(LEASE.total_seconds() / 5):
            try:
                if not self._register.keep_turn(self.run.run_id, self._holder, lease=LEASE, now=datetime.now(UTC)):
                    self._regain()
            except RegisterUnavailable as error:
                log.warning("run %s could not say that it lives: %s", self.run.run_id, error)

    def leave(self) -> None:
        self._register.end_turn(self.run.run_id, self._holder)

    def _take(self) -> Place:
        return self._register.take_turn(
            self.run.run_id,
            self._holder,
            at_once=get_settings().orchestrator.runs_at_once,
            lease=LEASE,
            patience=PATIENCE,
            now=datetime.now(UTC),
        )

    def _regain(self) -> None:
        """The lease had ended: the turn is taken anew, unless somebody else has it by now."""
        place = self._take()
        if place.mine:
            log.warning("run %s was silent for too long, and nobody took its turn meanwhile", self.run.run_id)
        else:
            same = place.before == self.run.run_id
            self._lost_to = "another process" if same else f"run {place.before}"

    def _follow(self, known: Run) -> None:
        """A run that goes on as another attempt is followed to its end."""
        following = None
        if known.continued_by:
            following = until_there(partial(self._register.get, known.continued_by))
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
    """Waits in line for the run, and keeps its turn in the meantime. Raises RegisterUnavailable.

    Cancelled in line or within, the run ends as RunCancelled; a process that is taken away for another reason leaves
    it to whoever takes it up.
    """
    holder = f"{runtime.flow_run.id}/{os.getpid()}/{uuid4().hex[:8]}"
    with closing(until_there(open_register)) as register:
        turn, done = Turn(register, run, holder), threading.Event()
        keeper = threading.Thread(target=turn.keep, args=(done,), name="turn", daemon=True)
        try:
            turn.wait()
            keeper.start()
            yield turn
        except TerminationSignal:
            if turn.holds and is_cancelled_by_somebody():
                cancel_run(turn.run.run_id)
            raise
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
