"""A model: a rule set with its edges found. Fitting makes one from a run_date; applying it scores any date."""

import hashlib
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from rfm.edges import CountValues, quantile_edges
from rfm.rule_set import MEASURES, Frozen, Measure, MeasureRule, RuleSet

CENT = Decimal("0.01")


class Edges(Frozen):
    """In growing order, neighbours may be equal: days, orders, money with two decimals."""

    recency: tuple[int, ...]
    frequency: tuple[int, ...]
    monetary: tuple[Annotated[Decimal, Field(decimal_places=2)], ...]

    def whole(self, measure: Measure) -> list[int]:
        """As the values are held inside: whole days, orders, cents."""
        if measure == "monetary":
            return [int(edge / CENT) for edge in self.monetary]
        return list(self.recency if measure == "recency" else self.frequency)


class FittedModel(Frozen):
    """Everything that scoring needs; the rules are in it, so that a changed file changes no stored model."""

    rules: RuleSet
    edges: Edges
    fitted_on: date
    customers: int = Field(gt=0, description="how many customers the edges were found in")

    @property
    def id(self) -> str:
        """The same rules fitted on the same values have the same id."""
        content = self.rules.model_dump_json() + self.edges.model_dump_json() + str(self.customers)
        return f"{self.rules.name}-{self.fitted_on}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"


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
