"""A backfill: asks for each date as any user would, in order, and waits for it.

It keeps nothing of its own. What it has asked for bears its mark in the register, so that after a kill the same
backfill goes on where it was; what is confirmed is skipped.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from prefect.client.schemas.objects import FlowRun

from errors import Permanent, Retryable
from messenger.contract import RunRequest, Scalar
from messenger.messenger import Messenger
from register.ask import ask, attempts, newest_attempt, request_of
from register.register import Register, Run
from watch.alert import one_line

State = Literal["confirmed", "skipped", "failed", "not asked"]
FindFlowRun = Callable[[RunRequest], FlowRun | None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one date. `skipped` was confirmed before; `not asked` comes after a failure that stops."""

    run_date: date
    state: State
    run_id: str = ""
    seconds: float = 0.0
    said: str = ""

    @property
    def good(self) -> bool:
        return self.state in ("confirmed", "skipped")


@dataclass(slots=True)
class Asked:
    """A date that is under way. `over`: the last look found its flow run ended, and no news of success."""

    run: Run
    at: datetime
    over: bool = False

    @property
    def seconds(self) -> float:
        return (datetime.now(UTC) - self.at).total_seconds()


@dataclass(slots=True)
class Backfill:
    """`mark`: what tells this backfill from others in the register. `patience`: a date may take so long."""

    register: Register
    messenger: Messenger
    find_flow_run: FindFlowRun
    pipeline: str
    parameters: Mapping[str, Scalar]
    force: bool
    mark: str
    deadline: timedelta
    patience: timedelta
    under_way: dict[date, Asked] = field(default_factory=dict)

    def run(
        self,
        dates: Sequence[date],
        *,
        at_once: int,
        stop_on_failure: bool,
        report: Callable[[Outcome], None],
        pause: float = 0.5,
    ) -> list[Outcome]:
        """Every date's outcome, in the order of the dates. `pause` in seconds between two looks."""
        waiting, outcomes = deque(dates), dict[date, Outcome]()

        def settle(outcome: Outcome) -> None:
            outcomes[outcome.run_date] = outcome
            report(outcome)

        while waiting or self.under_way:
            stopped = stop_on_failure and not all(outcome.good for outcome in outcomes.values())
            while waiting and (stopped or len(self.under_way) < at_once):
                run_date = waiting.popleft()
                if outcome := Outcome(run_date, "not asked") if stopped else self.begin(run_date):
                    settle(outcome)
                    break
            for outcome in [found for run_date in list(self.under_way) if (found := self.look(run_date))]:
                settle(outcome)
            if self.under_way:
                time.sleep(pause)
        return [outcomes[run_date] for run_date in dates]

    def begin(self, run_date: date) -> Outcome | None:
        """Asks for the date; an outcome when that is settled at once."""
        try:
            ours = any(run.requested_by == self.mark for run in attempts(self.register, self.pipeline, run_date))
            run, _ = ask(
                self.register,
                self.messenger,
                self.pipeline,
                run_date,
                self.parameters,
                force=self.force and not ours,
                requested_by=self.mark,
                deadline=self.deadline,
            )
        except (Permanent, Retryable) as error:
            return Outcome(run_date, "failed", said=f"{type(error).__name__}: {one_line(error)}")
        if run.final:
            return Outcome(run_date, "confirmed" if ours else "skipped", run.run_id)
        self.under_way[run_date] = Asked(run, datetime.now(UTC))
        return None

    def look(self, run_date: date) -> Outcome | None:
        """The outcome, once there is one. A run may have had further attempts: the newest one counts.

        A run whose flow run has ended gets one more look, for news of its success that is on its way.
        """
        asked = self.under_way[run_date]
        try:
            flow_run = self.find_flow_run(request_of(asked.run, self.deadline))
            newest = newest_attempt(self.register, self.pipeline, run_date) or asked.run
        except Retryable:
            return self._late(run_date, asked)
        ended = flow_run.state if flow_run and flow_run.state and flow_run.state.is_final() else None
        if newest.state == "succeeded" or (ended and ended.is_completed()):
            return self._settled(run_date, "confirmed", newest)
        if not (ended or (flow_run is None and newest.final)):
            return self._late(run_date, asked)
        if not asked.over:
            asked.over = True
            return None
        said = f"{newest.error.type}: {newest.error.message}" if newest.error else f"ended as {ended and ended.name}"
        return self._settled(run_date, "failed", newest, said)

    def _late(self, run_date: date, asked: Asked) -> Outcome | None:
        if asked.seconds < self.patience.total_seconds():
            return None
        return self._settled(run_date, "failed", asked.run, f"did not end within {self.patience}")

    def _settled(self, run_date: date, state: State, run: Run, said: str = "") -> Outcome:
        asked = self.under_way.pop(run_date)
        return Outcome(run_date, state, run.run_id, asked.seconds, said)
