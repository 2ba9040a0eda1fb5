"""Scores and segments of a batch of customers, by a fitted model.

A value is compared with the edges and never ranked: equal values have equal scores, and the order of the rows
means nothing.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from rfm.model import FittedModel
from rfm.rule_set import MEASURES, Measure, RuleSet
from rfm.scale import scale_of, segment_positions

Scores = npt.NDArray[np.int8]

VALUE_COLUMN: dict[Measure, str] = {"recency": "recency", "frequency": "frequency", "monetary": "monetary_cents"}
SCORE_COLUMN: dict[Measure, str] = {"recency": "r_score", "frequency": "f_score", "monetary": "m_score"}


def measure_scores(model: FittedModel, measure: Measure, values: npt.NDArray[np.int32 | np.int64]) -> Scores:
    """1 is worst."""
    scale = scale_of(model, measure)
    passed = np.searchsorted(np.array(scale.edges, dtype=np.int64), values)
    scores: Scores = np.array(scale.scores, dtype=np.int8)[passed]
    return scores


def segment_map(rules: RuleSet) -> Scores:
    """Which segment, as its position in the rule set, each combination of scores has: [r - 1, f - 1, m - 1]."""
    table = np.full([rules.rule(measure).bins for measure in MEASURES], -1, dtype=np.int8)
    for scores, position in segment_positions(rules).items():
        table[tuple(score - 1 for score in scores)] = position
    return table


class Scorer:
    """Holds what is the same for all batches of a run."""

    def __init__(self, model: FittedModel) -> None:
        self.model = model
        self._segments = segment_map(model.rules)
        self._names = pd.CategoricalDtype([segment.name for segment in model.rules.segments])

    def score(self, features: pd.DataFrame) -> pd.DataFrame:
        """The features with r_score, f_score, m_score (int8) and segment (category) added."""
        scored = features.copy(deep=False)
        for measure in MEASURES:
            values = features[VALUE_COLUMN[measure]].to_numpy()
            scored[SCORE_COLUMN[measure]] = measure_scores(self.model, measure, values)
        codes = self._segments[tuple(scored[column].to_numpy() - 1 for column in SCORE_COLUMN.values())]
        scored["segment"] = pd.Categorical.from_codes(codes, dtype=self._names)
        return scored
