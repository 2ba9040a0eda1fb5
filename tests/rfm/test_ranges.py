"""Values of a score are those, and only those, that are given this score."""

from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from rfm.model import Edges, FittedModel
from rfm.ranges import values_of
from rfm.read_rules import rules_named
from rfm.rule_set import MEASURES
from rfm.score import measure_scores

EDGES = {
    "quintile": Edges(
        recency=(10, 20, 20, 40),
        frequency=(1, 1, 2, 4),
        monetary=(Decimal("-1.00"), Decimal("0.50"), Decimal("0.50"), Decimal("3.00")),
    ),
    "tercile": Edges(recency=(10, 30), frequency=(2, 5), monetary=(Decimal("0.50"), Decimal("2.00"))),
}
VALUES = {"recency": range(60), "frequency": range(1, 12), "monetary": range(-300, 500)}


@pytest.mark.parametrize("rules", EDGES)
@pytest.mark.parametrize("measure", MEASURES)
def test_every_value_lies_in_the_range_of_its_score_and_in_no_other(rules, measure):
    model = FittedModel(rules=rules_named(rules), edges=EDGES[rules], fitted_on=date(2026, 6, 29), customers=9)
    values = VALUES[measure]
    scores = measure_scores(model, measure, np.array(values, dtype=np.int64))
    bins = model.rules.rule(measure).bins
    for score in range(1, bins + 1):
        found = values_of(model, measure, range(score, score + 1))
        given = [value for value, one in zip(values, scores, strict=True) if one == score]
        if found is None:
            assert given == []
        else:
            low, high = found
            inside = [v for v in values if (low is None or v >= low) and (high is None or v <= high)]
            assert inside == given


def test_neighbouring_scores_are_one_range():
    model = FittedModel(
        rules=rules_named("quintile"), edges=EDGES["quintile"], fitted_on=date(2026, 6, 29), customers=9
    )
    assert values_of(model, "frequency", range(4, 6)) == (3, None)
    assert values_of(model, "recency", range(1, 6)) == (0, None)
    assert values_of(model, "frequency", range(2, 3)) is None
