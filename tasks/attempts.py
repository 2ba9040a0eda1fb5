"""Attempts: a step that was lost or hindered is tried again, as a new attempt of the run, a bounded number of times.

A refused request, wrong data or a step that was cancelled is not tried again: it would end the same. What an attempt
has committed and stands is not done again by the next one (tasks/plan.py). An attempt that did not work is closed, the
last one too: a process of it that still lives cannot commit any more (docs/adr/0017-waiting-and-trying-again.md).
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from prefect import get_run_logger

from errors import Permanent, Retryable
from messenger.contract import RunRequest, RunStatus, Scalar, run_id_of
from register.register import CONTINUED_BY, RegisterUnavailable, Run
from settings import get_settings
from tasks.alert import alert_run, recovered
from tasks.cancel import give_up
from tasks.carrier import this_flow_run
from tasks.claim import request_of
from tasks.dead_letter import set_aside, take_back
from tasks.listen import start_listening, stop_listening
from tasks.note import TELLING, note
from tasks.plan import gone_on_from
from tasks.report import failure_of, status_of, tell
from tasks.turn import Turn
from tasks.wait import StepFailed, StepHindered
from tasks.with_register import with_register

LONGEST_DELAY = 600.0
FAILED_STEP = "failed_step"
"""The fact of a failed run that names the step which failed it."""


@dataclass(slots=True)
class Attempts:
    """`for attempt in attempts(turn): with attempt: …` until one works or none is left."""

    turn: Turn
    step: str | None = None
    done: bool = False
    _given_up: str = ""

    def __iter__(self) -> Iterator[Self]:
        while not self.done:
            yield self

    @property
    def run(self) -> RunRequest:
        return self.turn.run

    def about(self, step: str) -> None:
        """The step that is worked on from now on: it is the one that failed if anything is raised.

        Raises TurnLost.
        """
        self.turn.require()
        self.step = step

    def __enter__(self) -> Self:
        self.step, self._given_up = None, ""
        try:
            start_listening(self.run.run_id, until=self.run.deadline)
            self._say(status_of(self.run, "started"))
        except Exception as error:  # of whatever kind: nothing else would end the run
            self._fail(error)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None:
            self._succeed()
            return False
        if isinstance(error, Exception):
            return self._goes_on(error) or self._fail(error)
        # the process is taken away; what is still wanted is found with subscription and news by whoever takes it up
        return False

    def _goes_on(self, error: Exception) -> bool:
        """Whether there is another attempt. What keeps it from being made does not keep the run from its end."""
        try:
            return self._another(error)
        except Exception as trouble:  # of whatever kind, as above
            found = failure_of(trouble)
            get_run_logger().error(
                "run %s cannot go on as another attempt: %s: %s", self.run.run_id, found.type, found.message
            )
            return False

    def _another(self, error: Exception) -> bool:
        """Whether there is another attempt; it has its turn and waited its delay when this returns."""
        if not isinstance(error, Retryable) or self.step is None:
            return False
        tried = self._tries()
        if tried >= get_settings().orchestrator.attempts:
            return False
        self._give_up(error)
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
        run = with_register(
            lambda register: register.go_on(status, requested_by=this_flow_run(), now=datetime.now(UTC))
        )
        if run is not None:
            tell(status, until=datetime.now(UTC) + TELLING)
            stop_listening(self.run.run_id)
        return run

    def _tries(self) -> int:
        """How often this step was tried, this time and by the attempts that led here."""
        led = with_register(lambda register: gone_on_from(register, self.run))
        return 1 + sum(run.failed_step == self.step for run in led)

    def _succeed(self) -> None:
        """Prefect's Completed says so too, so that reconcile can tell the register when that is back."""
        try:
            self._end(status_of(self.run, "succeeded"))
        except RegisterUnavailable as away:
            get_run_logger().error("run %s is confirmed, and the register was not told: %s", self.run.run_id, away)
        recovered(self.run)
        take_back(self.run)

    def _fail(self, error: Exception) -> bool:
        """The end: closed, told, alerted, and the request set aside with the reason. Never hides the error."""
        if self._given_up != self.run.run_id:
            try:
                self._give_up(error)
            except (Retryable, Permanent) as trouble:
                get_run_logger().warning("run %s could not be closed, reconcile does it: %s", self.run.run_id, trouble)
        status = status_of(self.run, "failed", facts=self._failed_facts(), error=failure_of(error))
        tried = None
        try:
            self._end(status)
            tried = self._tries() if self.step else None
        except RegisterUnavailable as away:
            get_run_logger().error("run %s has failed, and the register was not told: %s", self.run.run_id, away)
        alert_run(self.run, error, step=self.step, attempts=tried)
        set_aside(self.run, f"{type(error).__name__}: {status.error.message if status.error else ''}")
        return False

    def _give_up(self, error: Exception) -> None:
        """Once, whether it can be closed or not: who holds the warehouse is not waited for again before the alert."""
        # a step tells its end in the run that it was asked in, which is the first to be given up
        told_its_end = isinstance(error, StepFailed | StepHindered) and not self._given_up
        ending = self.step if told_its_end else None
        self._given_up = self.run.run_id
        give_up(self.run, f"attempt {self.run.attempt} was given up: {type(error).__name__}", ending=ending)

    def _failed_facts(self) -> dict[str, Scalar]:
        return {FAILED_STEP: self.step} if self.step else {}

    def _end(self, status: RunStatus) -> None:
        self.done = True
        self._say(status)
        stop_listening(self.run.run_id)

    def _say(self, status: RunStatus) -> None:
        with_register(lambda register: note(register, status))


def attempts(turn: Turn) -> Attempts:
    return Attempts(turn)
