"""The backfill: asks for many dates, one after the other, and shows what came of each."""

from prefect import flow

from messenger.contract import RunDate, Scalar
from tasks.backfill import require_all_confirmed, run_dates, show_backfill
from tasks.backfill_dates import Step, dates_between


@flow(name="backfill", flow_run_name="backfill {pipeline} {first} to {last} by {step}")
def backfill(
    first: RunDate,
    last: RunDate,
    step: Step = "day",
    pipeline: str = "rfm",
    parameters: dict[str, Scalar] | None = None,
    force: bool = False,
    stop_on_failure: bool = False,
) -> None:
    """Asks for each date from `first` to `last` as any user would, and waits until all have ended.

    What is confirmed is skipped, unless `force` asks for a new attempt of each. A date that fails does not keep the
    others from it, unless `stop_on_failure`. Killed and retried, this flow run goes on where it was.
    """
    outcomes = run_dates(
        pipeline, dates_between(first, last, step), parameters or {}, force=force, stop_on_failure=stop_on_failure
    )
    show_backfill(outcomes)
    require_all_confirmed(outcomes)
