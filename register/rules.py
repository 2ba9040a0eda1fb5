"""The rules of the register, without a store: which attempt answers a request, and how news is merged."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from messenger.contract import ORCHESTRATE, Failure, RunRequest, RunStatus, Scalar
from register.register import ParametersConflict, Run, RunState, StepNews

UNKNOWN = "unknown"
"""Who asked for a run of which only a status was seen."""
REQUESTED, REFUSED, STARTED, FINAL = range(4)
"""How far a step is. Refused: it failed before any flow run of it existed."""


def next_attempt(newest: Run | None, parameters: Mapping[str, Scalar], *, force: bool) -> int | None:
    """The number of the new attempt, or None when the newest one answers. Raises ParametersConflict."""
    if newest is None:
        return 1
    if force or newest.state == "failed":
        return newest.attempt + 1
    if dict(newest.parameters) != dict(parameters):
        raise ParametersConflict(
            f"run {newest.run_id} was asked for with other parameters; ask with force for a new attempt"
        )
    return None


def progress(news: StepNews) -> int:
    """A refused request can be repaired and replayed: what its flow run then says goes beyond the refusal."""
    if news.state == "failed":
        return REFUSED if news.flow_run_id is None else FINAL
    return {"requested": REQUESTED, "started": STARTED, "succeeded": FINAL}[news.state]


def merge(known: StepNews | None, news: StepNews) -> StepNews:
    """What is known of a step after the news: whatever order they come in, and however often.

    A state only moves on, and how a flow run ended is never left. Of two `started`, as when a step's process
    was started again, the later one counts.
    """
    if known is None or progress(news) > progress(known):
        return news
    if news.state == known.state == "started" and news.at > known.at:
        return news
    return known


def requested(request: RunRequest) -> StepNews:
    return StepNews(step=request.step, state="requested", at=request.requested_at)


def told(status: RunStatus) -> StepNews:
    return StepNews(
        step=status.step,
        state=status.state,
        facts=status.facts,
        error=status.error,
        flow_run_id=status.flow_run_id,
        at=status.at,
    )


def state_of(steps: Iterable[StepNews]) -> tuple[RunState, Failure | None]:
    """A run is where its step `orchestrate` is, and failed for that step's reason."""
    for news in steps:
        if news.step == ORCHESTRATE:
            return news.state, news.error
    return "requested", None


def as_run(steps: Sequence[StepNews], **about: Any) -> Run:
    """The run of a store's row, and of what is known of its steps."""
    state, error = state_of(steps)
    return Run(**about, state=state, error=error, steps=steps)
