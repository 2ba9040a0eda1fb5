"""Accept: a request becomes a run, and is durable in the Messenger before anybody is told so."""

import logging
from datetime import UTC, datetime, timedelta

from starlette.concurrency import run_in_threadpool

from invoker.dispatch import failed
from invoker.look import Looker
from invoker.models import Invocation
from messenger.contract import ORCHESTRATE, RunRequest, run_id_of
from messenger.messenger import REQUESTS, Messenger
from register.register import ParametersConflict, Register, RegisterUnavailable, Run

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

        A run of this date that Prefect knows to have died does not answer: there will be a new attempt. A run
        that was claimed before and could not be published is published now. Raises ParametersConflict,
        MessengerUnavailable, RegisterUnavailable.
        """
        run, accepted = await self._claim(asked, requested_by)
        if accepted or run.final or (await self._looker.refreshed(run)).state != "failed":
            return run, accepted
        return await self._claim(asked, requested_by)

    async def _claim(self, asked: Invocation, requested_by: str) -> tuple[Run, bool]:
        try:
            return await run_in_threadpool(self._claim_and_publish, asked, requested_by)
        except ParametersConflict:
            newest = await run_in_threadpool(self._newest, asked)
            if newest is None or (await self._looker.refreshed(newest)).state != "failed":
                raise
            return await run_in_threadpool(self._claim_and_publish, asked, requested_by)

    def _claim_and_publish(self, asked: Invocation, requested_by: str) -> tuple[Run, bool]:
        run, _ = self._register.claim(
            asked.pipeline,
            asked.run_date,
            asked.parameters,
            force=asked.force,
            requested_by=requested_by,
            now=datetime.now(UTC),
        )
        if run.published or run.final:
            return run, False
        self._publish(run)
        log.info("accepted run %s", run.run_id)
        return run, True

    def _newest(self, asked: Invocation) -> Run | None:
        newest, attempt = None, 1
        while (run := self._register.get(run_id_of(asked.pipeline, asked.run_date, attempt))) is not None:
            newest, attempt = run, attempt + 1
        return newest

    def _give_up(self, run: Run) -> None:
        error = "a newer attempt was asked for before this one could be published"
        self._register.note_status(failed(self._request(run), "Superseded", error))

    def _publish(self, run: Run) -> None:
        """Published twice it takes effect once: the request is the same, and so is its key.

        It is accepted once it is published, whether or not the register can note that now.
        """
        request = self._request(run)
        self._messenger.publish(REQUESTS, request.encode(), request.attributes())
        try:
            self._register.mark_published(run.run_id)
        except RegisterUnavailable as error:
            log.warning("run %s was published, and will be once more, since that was not noted: %s", run.run_id, error)

    def _request(self, run: Run) -> RunRequest:
        return RunRequest(
            run_id=run.run_id,
            pipeline=run.pipeline,
            step=ORCHESTRATE,
            run_date=run.run_date,
            attempt=run.attempt,
            parameters=dict(run.parameters),
            requested_by=run.requested_by,
            requested_at=run.requested_at,
            deadline=run.requested_at + self._deadline,
        )

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
                self._publish(run)
                log.info("published run %s, which had been claimed before", run.run_id)
