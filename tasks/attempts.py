"""Attempts: a step that was lost or hindered is tried again, as a new attempt of the run, a bounded number of times.

A refused request, wrong data or a step that was cancelled is not tried again: it would end the same. What an attempt
has committed and stands is not done again by the next one (tasks/plan.py); the attempt itself is closed, so that a
process of it that still lives cannot commit any more (docs/adr/0017-waiting-and-trying-again.md).
"""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

from prefect import get_run_logger, runtime
from prefect.exceptions import TerminationSignal

from errors import Retryable
from messenger.contract import RunRequest, RunStatus, Scalar, run_id_of
from messenger.messenger import MessengerUnavailable
from register.register import CONTINUED_BY, Run
from settings import get_settings
from tasks.alert import alert_run, recovered
from tasks.cancel import RunCancelled, give_up
from tasks.claim import request_of
from tasks.dead_letter import set_aside, take_back
from tasks.listen import start_listening, stop_listening
from tasks.look import is_cancelled_by_somebody
from tasks.plan import gone_on_from
from tasks.report import failure_of, status_of, tell
from tasks.turn import Turn
from wiring import open_register

TELLING = timedelta(seconds=10)
"""The register knows how the run ended; that others hear of it is tried for so long."""
LONGEST_DELAY = 600.0
FAILED_STEP = "failed_step"
"""The fact of a failed run that names the step which failed it."""


@dataclass(slots=True)
class Attempts:
    """`for attempt in attempts(turn): with attempt: …` until one works or none is left."""

    turn: Turn
    step: str | None = None
    done: bool = False
    _facts: dict[str, Scalar] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Self]:
        while not self.done:
            yield self

    @property
    def run(self) -> RunRequest:
        return self.turn.run

    def about(self, step: str) -> None:
        """The step that is worked on from now on: it is the one that failed if anything is raised."""
        self.step = step

    def __enter__(self) -> Self:
        self.step = None
        start_listening(self.run.run_id, until=self.run.deadline)
        self._say(status_of(self.run, "started"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None:
            self._end(status_of(self.run, "succeeded"))
            recovered(self.run)
            take_back(self.run)
            return False
        if isinstance(error, Exception):
            return self._another(error) or self._fail(error)
        if not isinstance(error, TerminationSignal) or not is_cancelled_by_somebody():
            # the process is taken away and the run still wanted: whoever takes it up finds subscription and news
            return False
        self._cancel()
        return False

    def _cancel(self) -> None:
        cancelled = RunCancelled(f"run {self.run.run_id} was cancelled in Prefect, as flow run {runtime.flow_run.id}")
        try:
            give_up(self.run, str(cancelled), flow_run_id=runtime.flow_run.id or "")
        finally:
            self._end(status_of(self.run, "failed", facts=self._failed_facts(), error=failure_of(cancelled)))

    def _another(self, error: Exception) -> bool:
        """Whether there is another attempt; it has its turn and waited its delay when this returns."""
        if not isinstance(error, Retryable) or self.step is None:
            return False
        tried = self._tries()
        if tried >= get_settings().orchestrator.attempts:
            return False
        give_up(self.run, f"attempt {self.run.attempt} was given up: {type(error).__name__}")
        following = self._claim_next(error)
        if following is None:
            return False
        delay = min(get_settings().orchestrator.attempt_delay * 2.0 ** (tried - 1), LONGEST_DELAY)
        get_run_logger().warning(
            "run %s failed (%s); it goes on as %s in %g s", self.run.run_id, error, following.run_id, delay
        )
        self.turn.go_on_as(request_of(following))
        time.sleep(delay)
        return True

    def _claim_next(self, error: Exception) -> Run | None:
        following = run_id_of(self.run.pipeline, self.run.run_date, self.run.attempt + 1)
        facts = {**self._failed_facts(), CONTINUED_BY: following}
        status = status_of(self.run, "failed", facts=facts, error=failure_of(error))
        with closing(open_register()) as register:
            run = register.go_on(status, requested_by=self.run.requested_by, now=datetime.now(UTC))
        if run is not None:
            tell(status, until=datetime.now(UTC) + TELLING)
            self._stop_listening()
        return run

    def _tries(self) -> int:
        """How often this step was tried, this time and by the attempts that led here."""
        with closing(open_register()) as register:
            return 1 + sum(run.failed_step == self.step for run in gone_on_from(register, self.run))

    def _fail(self, error: Exception) -> bool:
        """The end: told, alerted, and the request set aside with the reason. Never hides the error."""
        status = status_of(self.run, "failed", facts=self._failed_facts(), error=failure_of(error))
        self._end(status)
        alert_run(self.run, error, step=self.step, attempts=self._tries() if self.step else None)
        set_aside(self.run, f"{type(error).__name__}: {status.error.message if status.error else ''}")
        return False

    def _failed_facts(self) -> dict[str, Scalar]:
        return {FAILED_STEP: self.step} if self.step else {}

    def _end(self, status: RunStatus) -> None:
        self.done = True
        self._say(status)
        self._stop_listening()

    def _say(self, status: RunStatus) -> None:
        """To the register at once: it must know how a run ended, also when the Messenger is away."""
        with closing(open_register()) as register:
            register.note_status(status)
        tell(status, until=datetime.now(UTC) + TELLING)

    def _stop_listening(self) -> None:
        try:
            stop_listening(self.run.run_id, until=datetime.now(UTC))
        except MessengerUnavailable as error:
            get_run_logger().warning("the subscription of run %s is left to expire: %s", self.run.run_id, error)


def attempts(turn: Turn) -> Attempts:
    return Attempts(turn)
