"""Accept: a request becomes a run, and is durable in the Messenger before anybody is told so."""

import logging
from datetime import datetime, timedelta

from starlette.concurrency import run_in_threadpool

from invoker.dispatch import failed
from invoker.look import Looker
from invoker.models import Invocation
from messenger.messenger import Messenger
from register.ask import ask, newest_attempt, publish, request_of
from register.register import ParametersConflict, Register, Run

SWEPT = 1000
"""So many of the newest runs are looked through at start-up."""
log = logging.getLogger(__name__)


class Acceptance:
    """`deadline`: how long a step of the run may take."""

    def __init__(self, register: Register, messenger: Messenger, looker: Looker, *, deadline: timedelta) -> None:
        self._register = register
        self._messenger = messenger
        self._looker = looker
        self._deadline = deadline

    async def accept(self, asked: Invocation, requested_by: str) -> tuple[Run, bool]:
        """The run that answers the request, and whether it was accepted just now.

        A run of this date that Prefect knows to have failed does not answer: there will be a new attempt. One whose
        orchestrator crashed is taken up again, and one that was claimed before and could not be published is
        published now. Raises ParametersConflict, MessengerUnavailable, RegisterUnavailable.
        """
        run, accepted = await self._claim(asked, requested_by)
        if accepted or run.final:
            return run, accepted
        if (await self._looker.refreshed(run)).state == "failed":
            return await self._claim(asked, requested_by)
        if self._looker.has_crashed(run):
            await run_in_threadpool(publish, self._register, self._messenger, run, self._deadline)
            log.info("run %s is taken up again", run.run_id)
        return run, False

    async def _claim(self, asked: Invocation, requested_by: str) -> tuple[Run, bool]:
        try:
            return await run_in_threadpool(self._claim_and_publish, asked, requested_by)
        except ParametersConflict:
            newest = await run_in_threadpool(self._newest, asked)
            if newest is None or (await self._looker.refreshed(newest)).state != "failed":
                raise
            return await run_in_threadpool(self._claim_and_publish, asked, requested_by)

    def _claim_and_publish(self, asked: Invocation, requested_by: str) -> tuple[Run, bool]:
        run, accepted = ask(
            self._register,
            self._messenger,
            asked.pipeline,
            asked.run_date,
            asked.parameters,
            force=asked.force,
            requested_by=requested_by,
            deadline=self._deadline,
        )
        if accepted:
            log.info("accepted run %s", run.run_id)
        return run, accepted

    def _newest(self, asked: Invocation) -> Run | None:
        return newest_attempt(self._register, asked.pipeline, asked.run_date)

    def _give_up(self, run: Run) -> None:
        error = "a newer attempt was asked for before this one could be published"
        self._register.note_status(failed(request_of(run, self._deadline), "Superseded", error))

    def sweep(self, before: datetime) -> None:
        """Publishes what was claimed before and, since a process died or the Messenger was down, never published.

        Where a newer attempt exists nobody wants the older one any more: it ends as failed. Raises Retryable.
        """
        newest: set[tuple[str, object]] = set()
        for run in sorted(self._register.list(limit=SWEPT), key=lambda run: -run.attempt):
            superseded = (run.pipeline, run.run_date) in newest
            newest.add((run.pipeline, run.run_date))
            if run.published or run.final or run.requested_at >= before:
                continue
            if superseded:
                self._give_up(run)
            else:
                publish(self._register, self._messenger, run, self._deadline)
                log.info("published run %s, which had been claimed before", run.run_id)
