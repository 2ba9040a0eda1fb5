"""Scores by edges, compared with a customer-by-customer computation that shares no code with them."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfm.read_rules import rules_named
from rfm.score import Scorer
from tests.rfm.given_customers import batch_of, customers, fitted, scored
from tests.rfm.naive import naive_quintile, naive_quintile_segment, naive_tercile

QUINTILE, TERCILE = rules_named("quintile"), rules_named("tercile")
CASES = settings(max_examples=60, deadline=None)


@CASES
@given(customers)
def test_quintile_scores_and_segments_are_those_of_the_naive_rule(rows):
    scores, segments = scored(fitted(QUINTILE, rows), rows)
    assert scores == naive_quintile(rows)
    assert segments == [naive_quintile_segment(r, f) for r, f, _ in naive_quintile(rows)]


@CASES
@given(customers)
def test_tercile_scores_are_those_of_the_naive_rule(rows):
    scores, _ = scored(fitted(TERCILE, rows), rows)
    assert scores == naive_tercile(rows)


@CASES
@given(customers, st.sampled_from([QUINTILE, TERCILE]), st.randoms(use_true_random=False))
def test_shuffling_the_rows_moves_nobody(rows, rules, chance):
    order = list(range(len(rows)))
    chance.shuffle(order)
    shuffled = [rows[number] for number in order]
    before, after = scored(fitted(rules, rows), rows), scored(fitted(rules, shuffled), shuffled)
    assert [before[0][number] for number in order] == after[0]
    assert [before[1][number] for number in order] == after[1]


@CASES
@given(customers, st.sampled_from([QUINTILE, TERCILE]))
def test_equal_values_have_equal_scores_and_better_values_never_worse_ones(rows, rules):
    scores, _ = scored(fitted(rules, rows), rows)
    for part, better in ((0, -1), (1, 1), (2, 1)):
        by_value = sorted((better * row[part], score[part]) for row, score in zip(rows, scores, strict=True))
        for (value, score), (next_value, next_score) in pairwise(by_value):
            assert next_score >= score
            assert next_value != value or next_score == score


@pytest.mark.parametrize(
    ("value", "score"),
    [((10, 1, 1), (5, 1, 1)), ((20, 2, 2), (4, 2, 2)), ((30, 3, 3), (3, 3, 3)), ((50, 5, 5), (1, 5, 5))],
)
def test_a_value_on_a_quintile_edge_counts_as_below_it(value, score):
    rows = [(10 * n, n, n) for n in range(1, 6)]
    scores, _ = scored(fitted(QUINTILE, rows), rows)
    assert scores[rows.index(value)] == score


def test_one_customer_and_all_equal_customers_are_scored_alike():
    # Nobody is below an edge: few days are the best there is, one order and the money the least there is.
    assert scored(fitted(QUINTILE, [(7, 3, 9)]), [(7, 3, 9)]) == ([(5, 1, 1)], ["new"])
    same = [(7, 3, 9)] * 1000
    assert scored(fitted(QUINTILE, same), same) == ([(5, 1, 1)] * 1000, ["new"] * 1000)


def test_a_model_applied_to_other_customers_keeps_its_edges():
    model = fitted(QUINTILE, [(n, n, n) for n in range(1, 101)])
    scores, _ = scored(model, [(0, 1000, 1000), (719, 1, -1000)])
    assert scores == [(5, 5, 5), (1, 1, 1)]


def test_batches_together_give_what_one_batch_gives():
    chance = random.Random(7)
    rows = [(chance.randrange(720), chance.randrange(1, 9), chance.randrange(-50, 500)) for _ in range(500)]
    scorer = Scorer(fitted(QUINTILE, rows))
    whole = scorer.score(batch_of(rows).to_pandas())
    parts = [scorer.score(batch_of(rows).slice(start, 77).to_pandas()) for start in range(0, 500, 77)]
    assert [s for part in parts for s in part["segment"]] == list(whole["segment"])
    assert [s for part in parts for s in part["m_score"]] == list(whole["m_score"])


def test_an_empty_batch_gives_an_empty_batch():
    frame = Scorer(fitted(QUINTILE, [(1, 1, 1)])).score(batch_of([]).to_pandas())
    assert len(frame) == 0
    assert list(frame.columns)[-4:] == ["r_score", "f_score", "m_score", "segment"]
