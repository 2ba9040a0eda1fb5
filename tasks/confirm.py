"""Confirm: what the step said is checked against the ledger and the tables it wrote."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal

from prefect import task
from prefect.cache_policies import NO_CACHE

from messenger.contract import RunRequest
from pipelines import Step, find_pipeline
from tasks.again import AGAIN
from tasks.checks import Checks, NotConfirmed
from warehouse.warehouse import PUBLISHED, DateRows, LedgerRow, Warehouse
from wiring import open_warehouse

Before = Mapping[date, DateRows]
"""The rows of every run_date when the step was asked for."""


def _ledger_row(warehouse: Warehouse, request: RunRequest) -> LedgerRow:
    row = warehouse.ledger_row(request.run_id, request.step)
    if row is None:
        raise NotConfirmed(
            f"step {request.step} of run {request.run_id} has no row in the ledger: nothing was committed"
        )
    return row


def done_by_ledger(warehouse: Warehouse, request: RunRequest) -> LedgerRow | None:
    """The row of a step that has done all it has to do, also for readers: it could only not say so."""
    publishing = {step.name for step in find_pipeline(request.pipeline).steps if step.publishes}
    if request.step in publishing and not _published(warehouse, request):
        return None
    return warehouse.ledger_row(request.run_id, request.step)


def _published(warehouse: Warehouse, request: RunRequest) -> bool:
    return warehouse.ledger_row(request.run_id, PUBLISHED) is not None


def check_features(warehouse: Warehouse, request: RunRequest) -> Checks:
    facts = _ledger_row(warehouse, request).facts
    totals = warehouse.feature_totals(request.run_date, request.run_id)
    return {
        "every line of the source was accepted or rejected": facts["rows_in"]
        == Decimal(str(facts["lines_accepted"])) + Decimal(str(facts["lines_rejected"])),
        "every customer stands once in rfm_features": totals.rows == totals.customers == facts["customers"],
        "the rows of the date are those of this run": totals.foreign_rows == 0,
        "the sum of monetary is that of the ledger": totals.monetary == Decimal(str(facts["monetary"])),
        "dbt's tests stood before the publication": Decimal(str(facts.get("tests_passed") or 0)) > 0,
    }


def check_scores(warehouse: Warehouse, request: RunRequest) -> Checks:
    facts = _ledger_row(warehouse, request).facts
    features_run = request.run_of("features")
    features = warehouse.feature_totals(request.run_date, features_run)
    scores = warehouse.score_totals(request.run_date, request.run_id)
    return {
        "scored and rejected are as many as came in": scores.scored + scores.rejected
        == facts["rows_in"]
        == features.rows,
        "the ledger has the same counts": (scores.scored, scores.rejected) == (facts["scored"], facts["rejected"]),
        "every customer stands once in rfm_scores or rfm_rejected": scores.customers == features.customers,
        "the rows of the date are those of this run": scores.foreign_rows == 0 and features.foreign_rows == 0,
        "the features are those that were asked for": facts.get("features_run", request.run_id) == features_run,
        "the sum of monetary is that of the features": scores.monetary == features.monetary,
        "the files for readers are those of this run": _published(warehouse, request),
    }


CHECKS: Mapping[str, Callable[[Warehouse, RunRequest], Checks]] = {
    "features": check_features,
    "scores": check_scores,
}
"""By the name that a step has in pipelines.py as `confirmed_by`."""


def other_dates_changed(before: Before, after: Before, run_date: date) -> list[date]:
    """Other run_dates whose rows are more, fewer or another run's than before, though nobody committed them since."""
    nothing = DateRows(0, None)
    pairs = {
        day: (before.get(day, nothing), after.get(day, nothing)) for day in (before.keys() | after.keys()) - {run_date}
    }
    return sorted(day for day, (then, now) in pairs.items() if then != now and then.run_id == now.run_id)


def confirm(warehouse: Warehouse, request: RunRequest, confirmed_by: str, before: Before | None = None) -> None:
    """Raises NotConfirmed with everything that does not hold; only returns when all of it does.

    Without `before` (a step that was committed earlier) it is not asked whether other dates have changed.
    """
    broken = [text for text, holds in CHECKS[confirmed_by](warehouse, request).items() if not holds]
    if before is not None:
        changed = other_dates_changed(before, warehouse.rows_by_date(request.step), request.run_date)
        broken += [f"other dates were left alone, such as {changed[0]}"] if changed else []
    if broken:
        raise NotConfirmed(f"step {request.step} of run {request.run_id}: not confirmed that {'; that '.join(broken)}")


@task(name="confirm", task_run_name="confirm {request.step}", cache_policy=NO_CACHE, **AGAIN)
def confirm_step(request: RunRequest, step: Step, before: Before) -> None:
    """Raises NotConfirmed, and WarehouseBusy when another process holds the warehouse for too long."""
    confirm(open_warehouse(), request, step.confirmed_by, before)
