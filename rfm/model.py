"""A model: a rule set with its edges found. Whoever scores one customer loads it too, so nothing heavy is imported."""

import hashlib
from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from rfm.rule_set import Frozen, Measure, RuleSet

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
