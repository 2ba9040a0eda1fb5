"""The step `scoring`: gives every customer of a run_date scores and a segment, or says why not."""

from collections import Counter
from datetime import UTC, datetime

import pyarrow as pa

from errors import Permanent
from messenger.contract import RunRequest, Scalar
from rfm.fit import fit
from rfm.model import FittedModel
from rfm.quarantine import split
from rfm.read_rules import rules_named
from rfm.rule_set import RuleSet
from rfm.schemas import check, features_schema, scores_schema
from rfm.score import Scorer
from warehouse.closing import require_open
from warehouse.warehouse import SCORES, Features, LedgerRow, ScoresRefused, Staging, StoredModel, Warehouse
from workload.guards import REJECTED, Guards, comparable, stop_or_warn
from workload.models import find_model

FEATURES_STEP, SCORING_STEP = "features", "scoring"
BATCH_ROWS = 4 * 122_880
"""Whole groups of rows, as DuckDB keeps them: cut anywhere else, they are put together anew after the commit."""


class StaleFeatures(Permanent):
    """The features of the run_date are those of another run or another window; nothing was scored."""


NO_GUARDS = Guards()


def score(
    warehouse: Warehouse,
    request: RunRequest,
    rules: RuleSet,
    *,
    window_days: int,
    flow_run_id: str = "",
    code_version: str = "",
    guards: Guards = NO_GUARDS,
) -> dict[str, Scalar]:
    """Scores the features that this run, or the one the request names, has written, and commits all of it at once;
    returns the ledger's facts.

    `rules` are used unless the request's parameter `rules` names others that ship. With its parameter `model`
    (an id, or `frozen`) a stored model is applied instead of fitting one. Doing it again replaces the same rows.
    Raises RunClosed, StaleFeatures, ModelMissing, Guarded, and what rfm and the warehouse raise; then nothing was
    committed.
    """
    wanted = chosen_rules(request, rules, window_days)
    stored = find_model(warehouse, request, wanted, window_days)
    require_open(warehouse, request.run_id)
    features_run = request.run_of(FEATURES_STEP)
    promised = _promised_customers(warehouse, request.run_id, features_run, window_days)
    with warehouse.staging(request.run_id) as staging:
        with warehouse.reading(request.run_date, run_id=features_run, window_days=window_days) as features:
            if features.foreign_rows or features.rows != promised:
                raise StaleFeatures(
                    f"run {request.run_id}: the features of {request.run_date} are those of another run; ask for a"
                    " new attempt"
                )
            model = stored or _fit(features, wanted, request)
            facts = {"rows_in": features.rows, **_score_batches(features, model, staging, window_days)}
            if facts["scored"] != features.scorable:
                raise ScoresRefused(
                    f"run {request.run_id}: {facts['scored']} customers were scored, but the edges were to be found in"
                    f" {features.scorable}; quarantine and warehouse disagree on who can be scored"
                )
        before = comparable(warehouse.scored_before(request.run_date), request.run_date, window_days)
        facts |= stop_or_warn(guards, request.run_id, facts, before)
        facts |= {
            "rules": (model.rules if model else wanted).name,
            "model_id": model.id if model else None,
            "window_days": window_days,
            "features_run": features_run,
            **({"code_version": code_version} if code_version else {}),
        }
        warehouse.replace_scores(
            staging,
            _ledger_row(request, facts, flow_run_id),
            features_run=features_run,
            model_id=model.id if model else None,
            fitted=_to_store(model, request) if model and not stored else None,
        )
    return facts


def chosen_rules(request: RunRequest, rules: RuleSet, window_days: int) -> RuleSet:
    """A request can name rule sets that ship; only the settings can name a file. Raises WrongRules."""
    name = request.parameters.get("rules")
    return rules if name is None else rules_named(str(name), window_days=window_days)


def _promised_customers(warehouse: Warehouse, run_id: str, features_run: str, window_days: int) -> Scalar:
    """How many customers the features have, by the ledger. Raises StaleFeatures when it has none, or another window."""
    row = warehouse.ledger_row(features_run, FEATURES_STEP)
    if row is None:
        raise StaleFeatures(
            f"run {run_id}: run {features_run} has not committed its features; run the step {FEATURES_STEP} first"
        )
    made_with = row.facts.get("window_days", window_days)
    if made_with != window_days:
        raise StaleFeatures(
            f"run {run_id}: the features of run {features_run} are of a window of {made_with} days, and"
            f" MODEL_WINDOW_DAYS is {window_days}; give both steps the same setting and ask for a new attempt"
        )
    return row.facts["customers"]


def _fit(features: Features, rules: RuleSet, request: RunRequest) -> FittedModel | None:
    """None on a day without customers: there is nothing to find edges in, and nobody to score."""
    if not features.scorable:
        return None
    return fit(rules, features.count_values, customers=features.scorable, fitted_on=request.run_date)


def _score_batches(
    features: Features, model: FittedModel | None, staging: Staging, window_days: int
) -> dict[str, Scalar]:
    """Stages every row as scored or rejected, batch by batch; returns how many of which."""
    counts: Counter[str] = Counter(scored=0, rejected=0)
    scorer = Scorer(model) if model else None
    goes_in = features_schema(window_days)
    comes_out = scores_schema(window_days, model.rules) if model else None
    for batch in features.batches(BATCH_ROWS):
        accepted, rejected = split(batch, window_days=window_days)
        staging.add_rejected(rejected)
        counts["rejected"] += rejected.num_rows
        for found in rejected["reason"].value_counts():
            counts[f"{REJECTED}{found['values']}"] += found["counts"].as_py()
        if scorer is None or comes_out is None or not accepted.num_rows:
            continue
        values = accepted.to_pandas()
        check(goes_in, values, "features")
        scored = scorer.score(values)
        check(comes_out, scored, "scores")
        staging.add_scores(pa.RecordBatch.from_pandas(scored, schema=SCORES, preserve_index=False))
        counts["scored"] += len(scored)
    return dict(counts)


def _ledger_row(request: RunRequest, facts: dict[str, Scalar], flow_run_id: str) -> LedgerRow:
    return LedgerRow(
        run_id=request.run_id,
        pipeline=request.pipeline,
        step=request.step,
        run_date=request.run_date,
        attempt=request.attempt,
        flow_run_id=flow_run_id,
        facts=facts,
        committed_at=datetime.now(UTC),
    )


def _to_store(model: FittedModel, request: RunRequest) -> StoredModel:
    return StoredModel(
        model_id=model.id,
        rules=model.rules.name,
        edges=model.edges.model_dump_json(),
        definition=model.rules.model_dump_json(),
        fitted_on=model.fitted_on,
        customers=model.customers,
        run_id=request.run_id,
    )
