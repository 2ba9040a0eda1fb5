"""Scores one customer at a time, in plain Python: for those who are asked, and have no batch."""

from bisect import bisect_left
from dataclasses import dataclass

from rfm.model import FittedModel
from rfm.rule_set import MEASURES, Measure, Segment
from rfm.scale import scale_of, segment_positions


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores in the order recency, frequency, monetary."""

    scores: tuple[int, int, int]
    segment: Segment


class OneScorer:
    """Holds what is the same for all customers: gives what rfm.score.Scorer gives."""

    def __init__(self, model: FittedModel) -> None:
        self.model = model
        self._scales = {measure: scale_of(model, measure) for measure in MEASURES}
        self._segments = {
            scores: model.rules.segments[position] for scores, position in segment_positions(model.rules).items()
        }

    def score(self, recency: int, frequency: int, monetary_cents: int) -> Scored:
        scores = (
            self.measure_score("recency", recency),
            self.measure_score("frequency", frequency),
            self.measure_score("monetary", monetary_cents),
        )
        return Scored(scores, self._segments[scores])

    def measure_score(self, measure: Measure, value: int) -> int:
        """Whole days, orders or cents."""
        scale = self._scales[measure]
        return scale.scores[bisect_left(scale.edges, value)]
