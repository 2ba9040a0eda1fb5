"""Look: does a run that is not done still live? A process that died said nothing, but Prefect knows.

So does it of a run that ended well and whose last word was lost.

A look must never make an answer slow or fail: it is bounded, shared by those who ask at the same time, and left
out for some seconds after Prefect did not answer.
"""

import asyncio
import logging
import time
from datetime import UTC, datetime, timedelta

from starlette.concurrency import run_in_threadpool

from errors import Permanent
from invoker.dispatch import ended_without_a_word
from invoker.flow_runs import FlowRun, FlowRuns, PrefectUnavailable
from messenger.contract import ORCHESTRATE, Failure, RunStatus
from register.register import Register, Run

WITHIN = 1.0
"""Seconds for Prefect to answer."""
BLIND = 5.0
"""Seconds without a look after Prefect did not answer."""
FRESH = 1.0
"""Seconds for which what was seen of a run is not looked for again."""
GRACE = timedelta(seconds=5)
"""A flow run that came to its end told so itself; its own words get so long to arrive."""
OWN_WORDS = ("COMPLETED", "FAILED")
"""Prefect's types of states before which a flow run could speak; it could not when it crashed."""
log = logging.getLogger(__name__)


class Looker:
    """`patience`: a run that neither Prefect nor the line knows so long after it was asked for was never started."""

    def __init__(self, register: Register, flow_runs: FlowRuns, *, patience: timedelta) -> None:
        self._register = register
        self._flow_runs = flow_runs
        self._patience = patience
        self._blind_until = 0.0
        self._crashed: set[str] = set()
        self._looks: dict[str, tuple[float, asyncio.Task[bool]]] = {}

    async def refreshed(self, run: Run) -> Run:
        """The run as it is known after a look at Prefect, if it is on its way. Raises RegisterUnavailable."""
        if run.final or not run.published or time.monotonic() < self._blind_until:
            return run
        ended = await self._shared_look(run)
        newest = await run_in_threadpool(self._register.get, run.run_id) if ended else run
        return newest or run

    def has_crashed(self, run: Run) -> bool:
        """Whether the last look has found that the process which carried the run out is dead."""
        return run.run_id in self._crashed

    async def _shared_look(self, run: Run) -> bool:
        now = time.monotonic()
        self._looks = {run_id: look for run_id, look in self._looks.items() if look[0] > now or not look[1].done()}
        if run.run_id not in self._looks:
            self._looks[run.run_id] = (now + FRESH, asyncio.create_task(self._look(run)))
        return await asyncio.shield(self._looks[run.run_id][1])

    async def _look(self, run: Run) -> bool:
        """Whether the run has ended, and the register knows it now."""
        try:
            found = await self._flow_run(run)
        except (PrefectUnavailable, Permanent) as error:
            self._blind_until = time.monotonic() + BLIND
            log.warning("run %s was not looked for: %s", run.run_id, error)
            return False
        status = self._end(run, found)
        if status is None or await run_in_threadpool(self._is_carried_out, run):
            return False
        log.warning("run %s has %s without a word of its own", run.run_id, status.state)
        await run_in_threadpool(self._register.note_status, status)
        return True

    def _is_carried_out(self, run: Run) -> bool:
        """Whether a process is heard of that waits in line for the run, or has its turn: whatever Prefect knows of
        others, the run has not ended."""
        return self._register.holder_of(run.run_id, now=datetime.now(UTC)) is not None

    async def _flow_run(self, run: Run) -> FlowRun | None:
        """The one that told last that it carries the run out; before any has, by the key it was asked for under."""
        told = next((news.flow_run_id for news in run.steps if news.step == ORCHESTRATE), None)
        if told is not None and (found := await self._flow_runs.get(told, within=WITHIN)) is not None:
            return found
        return await self._flow_runs.find(f"{run.run_id}/{ORCHESTRATE}", within=WITHIN)

    def _end(self, run: Run, found: FlowRun | None) -> RunStatus | None:
        """How the run has ended, or None while it may be on its way, or be taken up again."""
        self._crashed.discard(run.run_id)
        now = datetime.now(UTC)
        if found is None:
            late = now - run.requested_at > self._patience
            words = "Prefect knows nothing of it; look at the dead letters"
            return _status(run, None, Failure(type="NeverStarted", message=words)) if late else None
        if found.state in OWN_WORDS and now - (found.ended_at or now) < GRACE:
            return None
        if found.ended_well:
            return _status(run, found, None)
        if found.crashed:
            # asked for again, or found by reconcile, it is taken up: dispatch says when that is over
            self._crashed.add(run.run_id)
            return None
        if found.ended_badly:
            return _status(run, found, Failure(type=found.state_name, message=ended_without_a_word(found)))
        return None


def _status(run: Run, found: FlowRun | None, failure: Failure | None) -> RunStatus:
    """What the orchestrator would have said: it succeeds only when every step was confirmed."""
    return RunStatus(
        run_id=run.run_id,
        pipeline=run.pipeline,
        step=ORCHESTRATE,
        run_date=run.run_date,
        attempt=run.attempt,
        state="failed" if failure else "succeeded",
        error=failure,
        flow_run_id=found.id if found else None,
        at=datetime.now(UTC),
    )
