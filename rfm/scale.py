"""Scales: how a fitted model turns one value into a score, and three scores into a segment.

The one place where this is decided. Batches look it up with numpy (rfm/score.py), a single customer with nothing
but Python (rfm/one.py).
"""

from dataclasses import dataclass
from itertools import product

from rfm.model import FittedModel
from rfm.rule_set import MEASURES, Measure, RuleSet


@dataclass(frozen=True, slots=True)
class Scale:
    """A value that is above n of the `edges` has the score `scores[n]`. Whole days, orders, cents; 1 is worst."""

    edges: tuple[int, ...]
    scores: tuple[int, ...]


def scale_of(model: FittedModel, measure: Measure) -> Scale:
    """Few days, many orders and much money are good."""
    rule = model.rules.rule(measure)
    edges = model.edges.whole(measure)
    if rule.value_on_edge == "above":
        # to be on the edge or above it is, in whole numbers, to be above the one before
        edges = [edge - 1 for edge in edges]
    scores = range(1, rule.bins + 1)
    return Scale(tuple(edges), tuple(reversed(scores) if measure == "recency" else scores))


def segment_positions(rules: RuleSet) -> dict[tuple[int, ...], int]:
    """Which segment, as its position in the rule set, each combination of scores (r, f, m) has."""
    return {
        scores: position
        for position, segment in enumerate(rules.segments)
        for cell in segment.cells
        for scores in product(*(rules.score_range(cell, measure) for measure in MEASURES))
    }
