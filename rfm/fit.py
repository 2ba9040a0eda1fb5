"""Fitting: makes a model from the values of a run_date. Applying it scores any date."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from rfm.edges import CountValues, quantile_edges
from rfm.model import CENT, Edges, FittedModel
from rfm.rule_set import MEASURES, Measure, MeasureRule, RuleSet


def fit(rules: RuleSet, count: CountValues, *, customers: int, fitted_on: date) -> FittedModel:
    """Finds the edges in the values that `count` counts. `customers` must be at least one."""
    found = {measure: _edges(rules.rule(measure), measure, count) for measure in MEASURES}
    edges = Edges(
        recency=tuple(int(edge) for edge in found["recency"]),
        frequency=tuple(int(edge) for edge in found["frequency"]),
        monetary=tuple(edge.quantize(CENT) for edge in found["monetary"]),
    )
    return FittedModel(rules=rules, edges=edges, fitted_on=fitted_on, customers=customers)


def _edges(rule: MeasureRule, measure: Measure, count: CountValues) -> Sequence[Decimal]:
    if rule.cut_points is not None:
        return rule.cut_points
    unit = CENT if measure == "monetary" else Decimal(1)
    return [unit * edge for edge in quantile_edges(count, measure, rule.quantiles or ())]
