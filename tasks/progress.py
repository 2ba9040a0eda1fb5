"""Progress: a wait can be watched, in the flow run's log and as an artifact in Prefect."""

import logging
import time
from datetime import UTC, datetime
from uuid import UUID

from prefect import get_run_logger, runtime
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from messenger.contract import RunRequest
from tasks.look import Seen

SHOWN_EVERY = 10.0
FIRST_LOGGED, LONGEST_SILENCE = 10.0, 600.0
"""Seconds. The log gets a line after 10, 20, 40 … seconds."""


class Progress:
    """Of the wait for one step. What cannot be shown now is shown later: a wait never fails for its looks."""

    def __init__(self, request: RunRequest) -> None:
        self._request = request
        self._began = time.monotonic()
        self._shown_at, self._logged_after = self._began, 0.0
        self._artifact: UUID | None = None

    def show(self, seen: Seen) -> None:
        now = time.monotonic()
        elapsed = now - self._began
        text = self._text(elapsed, seen)
        if elapsed >= max(FIRST_LOGGED, min(2 * self._logged_after, self._logged_after + LONGEST_SILENCE)):
            self._logged_after = elapsed
            get_run_logger().info(text)
        # an artifact needs Prefect, and would wait for it
        if seen.known and now - self._shown_at >= SHOWN_EVERY:
            self._shown_at = now
            self._draw(elapsed, text)

    def _text(self, elapsed: float, seen: Seen) -> str:
        left = max((self._request.deadline - datetime.now(UTC)).total_seconds(), 0)
        return (
            f"step {self._request.step} of run {self._request.run_id}: {_doing(seen)},"
            f" waited {elapsed:.0f} s, {left:.0f} s left"
        )

    def _draw(self, elapsed: float, text: str) -> None:
        allowed = (self._request.deadline - self._request.requested_at).total_seconds()
        share = min(100.0 * elapsed / allowed, 100.0) if allowed > 0 else 100.0
        try:
            if self._artifact is not None:
                update_progress_artifact(self._artifact, share, description=text)
            elif runtime.flow_run.id:
                key = f"waiting-for-{self._request.step.replace('_', '-')}"
                created = create_progress_artifact(share, key=key, description=text)
                self._artifact = created if isinstance(created, UUID) else None
        except Exception as error:  # of whatever kind Prefect's client raises
            logging.getLogger(__name__).info("progress is not shown for now: %s", type(error).__name__)


def _doing(seen: Seen) -> str:
    if not seen.known:
        return "Prefect does not answer"
    if seen.flow_run is None:
        return "not started yet"
    return str(seen.flow_run.state_name).lower()
