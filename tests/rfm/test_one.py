"""A customer scored alone gets what it gets in a batch."""

import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from rfm.one import OneScorer
from rfm.read_rules import rules_named
from settings import PROJECT
from tests.rfm.given_customers import customers, fitted, scored

RULES = [rules_named("quintile"), rules_named("tercile")]


@settings(max_examples=60, deadline=None)
@given(customers, st.sampled_from(RULES))
def test_alone_and_in_a_batch_a_customer_gets_the_same(rows, rules):
    model = fitted(rules, rows)
    scorer = OneScorer(model)

    alone = [scorer.score(recency, frequency, int(money * 100)) for recency, frequency, money in rows]

    assert ([one.scores for one in alone], [one.segment.name for one in alone]) == scored(model, rows)


def test_scoring_one_customer_loads_nothing_heavy():
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, rfm.one, rfm.orders; print(*sys.modules)"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    assert not {"numpy", "pandas", "pyarrow", "pandera", "yaml"} & set(loaded)
