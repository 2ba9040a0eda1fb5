"""Backfill: run the dates of a backfill, show how it goes, and what came of each."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from prefect import get_run_logger, runtime, task
from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import FlowRun

from errors import Permanent, Retryable
from messenger.contract import RunRequest, Scalar
from pipelines import find_pipeline
from settings import get_settings
from tasks.backfill_run import Backfill, Outcome
from tasks.look import Lookout
from wiring import open_messenger, open_register

PROGRESS, SUMMARY = "backfill-progress", "backfill"
"""Keys of the artifacts."""


class PrefectSilent(Retryable):
    """How a date goes is not known for now."""


class BackfillIncomplete(Permanent):
    """Some dates are not confirmed; the same backfill again asks for those alone."""


def find_flow_run(request: RunRequest) -> FlowRun | None:
    """The flow run that orchestrates the date. One that crashed is no end: the run is taken up again.

    Raises PrefectSilent.
    """
    seen = Lookout()(request)
    if not seen.known:
        raise PrefectSilent("Prefect does not answer")
    crashed = seen.flow_run is not None and seen.flow_run.state is not None and seen.flow_run.state.is_crashed()
    return None if crashed else seen.flow_run


@task(name="run dates", task_run_name="run {pipeline} dates", cache_policy=NO_CACHE)
def run_dates(
    pipeline: str, dates: Sequence[date], parameters: Mapping[str, Scalar], *, force: bool, stop_on_failure: bool
) -> list[Outcome]:
    """Asks for the dates in order, so many at once as BACKFILL_AT_ONCE says, and waits for each."""
    settings, log = get_settings(), get_run_logger()
    progress = create_progress_artifact(progress=0.0, key=PROGRESS, description=f"{len(dates)} dates")
    assert isinstance(progress, UUID)
    done: list[Outcome] = []

    def report(outcome: Outcome) -> None:
        done.append(outcome)
        text = f"{len(done)} of {len(dates)}: {outcome.run_date} {outcome.state} {outcome.said}".rstrip()
        log.info(text)
        update_progress_artifact(progress, progress=100 * len(done) / len(dates), description=text)

    deadline = timedelta(seconds=settings.orchestrator.step_deadline)
    with closing(open_register()) as register, closing(open_messenger()) as messenger:
        backfill = Backfill(
            register,
            messenger,
            find_flow_run,
            pipeline,
            parameters,
            force,
            mark=f"backfill, flow run {runtime.flow_run.id}",
            deadline=deadline,
            patience=deadline * (1 + len(find_pipeline(pipeline).steps)),
        )
        return backfill.run(dates, at_once=settings.backfill.at_once, stop_on_failure=stop_on_failure, report=report)


@task(name="show backfill", cache_policy=NO_CACHE)
def show_backfill(outcomes: Sequence[Outcome]) -> None:
    """A line for each date, as an artifact; `make backfill` prints it."""
    create_table_artifact(key=SUMMARY, description=counted(outcomes), table=[_row(outcome) for outcome in outcomes])


def require_all_confirmed(outcomes: Sequence[Outcome]) -> None:
    """Raises BackfillIncomplete."""
    if not all(outcome.good for outcome in outcomes):
        raise BackfillIncomplete(f"{counted(outcomes)}; the same backfill again asks for those that are not confirmed")


def counted(outcomes: Sequence[Outcome]) -> str:
    counts = Counter(outcome.state for outcome in outcomes)
    return ", ".join(f"{count} {state}" for state, count in counts.items())


def _row(outcome: Outcome) -> dict[str, Any]:
    return {
        "run_date": outcome.run_date.isoformat(),
        "state": outcome.state,
        "run": outcome.run_id,
        "seconds": round(outcome.seconds, 1),
        "said": outcome.said,
    }
