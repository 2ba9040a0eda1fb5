"""Stored models: the one that a request asks for, and the one by which a run was scored."""

from errors import Permanent
from messenger.contract import RunRequest
from rfm.model import Edges, FittedModel
from rfm.rule_set import RuleSet
from warehouse.warehouse import LedgerRow, StoredModel, Warehouse

FROZEN = "frozen"
"""The parameter `model` that asks for the newest model of the rule set fitted before the run_date."""


class ModelMissing(Permanent):
    """The stored model that was asked for is not there, or of other rules or another window; nothing was scored."""


class TooOld(Permanent):
    """An older version of the program has scored the date, and did not keep what is needed to look back."""


def find_model(warehouse: Warehouse, request: RunRequest, rules: RuleSet, window_days: int) -> FittedModel | None:
    """The stored model that the request asks for; None when it wants one fitted. Raises ModelMissing."""
    wanted = request.parameters.get("model")
    if wanted is None:
        return None
    if wanted == FROZEN:
        found = warehouse.latest_model(rules.name, before=request.run_date)
        missing = f"no {rules.name} model was fitted before {request.run_date}; run an earlier date first"
    else:
        found = warehouse.find_model(str(wanted))
        missing = "there is no stored model of the id given; rfm_models has those that can be applied"
    if found is None:
        raise ModelMissing(f"run {request.run_id}: {missing}")
    if "rules" in request.parameters and found.rules != rules.name:
        raise ModelMissing(
            f"run {request.run_id}: model {found.model_id} is of the rules {found.rules}, not {rules.name}"
        )
    _require_same_window(warehouse, request, found, window_days)
    if wanted == FROZEN and (request.run_date - found.fitted_on).days >= window_days:
        raise ModelMissing(
            f"run {request.run_id}: the newest {rules.name} model before {request.run_date} is {found.model_id}, fitted"
            f" a window of {window_days} days ago or more; run an earlier date first, or name the model"
        )
    return stored_model(found)


def _require_same_window(warehouse: Warehouse, request: RunRequest, stored: StoredModel, window_days: int) -> None:
    """Edges that were found in the values of one window say nothing about those of another. Raises ModelMissing."""
    fitting = warehouse.ledger_row(stored.run_id, request.step)
    fitted_in = fitting.facts.get("window_days", "unknown") if fitting else "unknown"
    if fitted_in != window_days:
        raise ModelMissing(
            f"run {request.run_id}: model {stored.model_id} was fitted on a window of {fitted_in} days, and"
            f" MODEL_WINDOW_DAYS is {window_days}; fit one on this window, or set MODEL_WINDOW_DAYS back"
        )


def stored_model(stored: StoredModel) -> FittedModel:
    """The model as it was fitted, with the rules of that time."""
    return FittedModel(
        rules=RuleSet.model_validate_json(stored.definition),
        edges=Edges.model_validate_json(stored.edges),
        fitted_on=stored.fitted_on,
        customers=stored.customers,
    )


def model_of(warehouse: Warehouse, scored: LedgerRow) -> FittedModel | None:
    """The model by which a run was scored; None on a day on which nobody could be."""
    model_id = scored.facts["model_id"]
    stored = warehouse.find_model(str(model_id)) if model_id is not None else None
    return stored_model(stored) if stored else None


def window_of(scored: LedgerRow) -> int:
    """The window of a scored run, in days. Raises TooOld."""
    days = scored.facts.get("window_days")
    if days is None:
        raise TooOld(f"run {scored.run_id} has not kept its window; ask for a new attempt of {scored.run_date}")
    return int(str(days))
