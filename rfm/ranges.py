"""Which values have which scores: the edges of a fitted model, read backwards."""

from typing import NamedTuple

from rfm.model import FittedModel
from rfm.rule_set import LOWEST, Measure


class Values(NamedTuple):
    """From `low` to `high`, both included, in whole days, orders or cents; None where there is no bound."""

    low: int | None
    high: int | None


def values_of(model: FittedModel, measure: Measure, scores: range) -> Values | None:
    """The values that are given one of these neighbouring scores; None when no value can have them.

    That is so where edges are equal: of the customers of CDNOW more than two fifths bought once, so that the
    first two edges of frequency are both 1, and nobody has the score between them.
    """
    rule, edges = model.rules.rule(measure), model.edges.whole(measure)
    first, last = scores[0], scores[-1]
    passed = (rule.bins - last, rule.bins - first) if measure == "recency" else (first - 1, last - 1)
    beyond = 1 if rule.value_on_edge == "below" else 0
    low = edges[passed[0] - 1] + beyond if passed[0] > 0 else LOWEST.get(measure)
    high = edges[passed[1]] + beyond - 1 if passed[1] < len(edges) else None
    if low is not None and high is not None and low > high:
        return None
    return Values(low, high)
