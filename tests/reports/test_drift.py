"""The index against figures worked out by hand."""

from math import isclose, log

import pytest

from reports.drift import level, psi, shares


def test_customers_who_have_not_moved_have_an_index_of_zero():
    assert psi([20, 20, 20], [200, 200, 200]) == 0


def test_the_index_is_that_of_the_textbook():
    by_hand = (0.3 - 0.5) * log(0.3 / 0.5) + (0.7 - 0.5) * log(0.7 / 0.5)
    assert isclose(psi([50, 50], [30, 70]), by_hand)


def test_a_score_that_was_empty_counts_and_one_that_always_is_says_nothing():
    assert psi([100, 0], [50, 50]) > 1
    assert psi([50, 0, 50], [30, 0, 70]) == psi([50, 50], [30, 70])


@pytest.mark.parametrize(
    ("index", "named"), [(0, "steady"), (0.0999, "steady"), (0.1, "moved"), (0.2499, "moved"), (0.25, "shifted")]
)
def test_the_bounds_are_the_usual_ones(index, named):
    assert level(index) == named


def test_shares_add_up_to_one():
    assert shares([1, 3]) == (0.25, 0.75)
