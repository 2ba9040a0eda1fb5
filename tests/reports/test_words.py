"""Rules and numbers as a marketing person would say them."""

from datetime import date
from decimal import Decimal

import pytest

from reports.words import change, how_found, listed, money, percent, rule_in_words, scores_in_words, short
from rfm.model import Edges, FittedModel
from rfm.read_rules import rules_named

QUINTILE = FittedModel(
    rules=rules_named("quintile"),
    edges=Edges(
        recency=(14, 30, 90, 200),
        frequency=(1, 1, 2, 4),
        monetary=tuple(Decimal(edge) for edge in ("10.00", "20.00", "30.00", "40.00")),
    ),
    fitted_on=date(2026, 6, 29),
    customers=100,
)


def words(name):
    segment = next(one for one in QUINTILE.rules.segments if one.name == name)
    return rule_in_words(QUINTILE, segment), scores_in_words(segment)


@pytest.mark.parametrize(
    ("segment", "rule", "scores"),
    [
        ("champions", "last purchase at most 14 days ago, 3 or more orders", "R 5, F 4-5"),
        ("loyal", "last purchase 15 to 90 days ago, 3 or more orders", "R 3-4, F 4-5"),
        ("new", "last purchase at most 14 days ago, 1 order", "R 5, F 1"),
        ("at risk", "last purchase 91 or more days ago, 2 to 4 orders", "R 1-2, F 3-4"),
        ("hibernating", "last purchase 91 or more days ago, 1 order", "R 1-2, F 1-2"),
    ],
)
def test_a_rule_says_who_is_in_the_segment(segment, rule, scores):
    assert words(segment) == (rule, scores)


def test_how_edges_were_found_is_said_in_a_word_where_there_is_one():
    assert how_found(QUINTILE.rules.recency) == "fifths of the customers"
    tercile = rules_named("tercile")
    assert how_found(tercile.recency) == "thirds of the customers"
    assert how_found(tercile.frequency) == "fixed at 2, 5"


def test_numbers_are_written_as_people_read_them():
    assert (money(Decimal("12.5")), money(Decimal("-1234.5"), "EUR")) == ("12.50", "-1,234 EUR")
    assert (short(999), short(12_345), short(2_500_000)) == ("999", "12k", "2.5M")
    assert (percent(0), percent(0.004), percent(0.0995), percent(0.5)) == ("0%", "0.4%", "10%", "50%")
    assert (change(110, 100), change(90, 100), change(5, 5), change(5, 0)) == (
        "+10.0%",
        "\N{MINUS SIGN}10.0%",
        "unchanged",
        "",
    )
    assert (listed(["a"]), listed(["a", "b", "c"])) == ("a", "a, b and c")
