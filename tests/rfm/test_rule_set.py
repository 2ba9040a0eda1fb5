"""The rule sets that ship say what was agreed on."""

from itertools import product

import pytest

from rfm.read_rules import rules_named, shipped_names
from rfm.rule_set import RuleSet
from rfm.score import segment_map
from tests.rfm.naive import naive_quintile_segment


def test_two_rule_sets_ship_each_under_its_own_name():
    assert shipped_names() == ["quintile", "tercile"]
    assert [rules_named(name).name for name in shipped_names()] == shipped_names()


def test_quintile_gives_each_of_the_25_cells_the_agreed_segment_whatever_the_monetary_score():
    rules = rules_named("quintile")
    table = segment_map(rules)
    assert table.shape == (5, 5, 5)
    for r, f, m in product(range(1, 6), repeat=3):
        assert rules.segments[table[r - 1, f - 1, m - 1]].name == naive_quintile_segment(r, f)


def test_tercile_gives_each_of_the_9_cells_a_segment_of_its_own():
    table = segment_map(rules_named("tercile"))
    assert table.shape == (3, 3, 3)
    assert sorted(table[:, :, 0].ravel()) == list(range(9))
    assert (table == table[:, :, :1]).all()


@pytest.mark.parametrize("name", ["quintile", "tercile"])
def test_every_segment_has_a_colour_of_its_own_and_advice(name):
    segments = rules_named(name).segments
    assert len({segment.colour for segment in segments}) == len(segments)
    assert all(segment.advice for segment in segments)


@pytest.mark.parametrize("name", ["quintile", "tercile"])
def test_a_rule_set_survives_being_stored_as_json(name):
    rules = rules_named(name)
    assert RuleSet.model_validate_json(rules.model_dump_json()) == rules


def test_a_map_can_look_at_monetary_too():
    content = rules_named("tercile").model_dump(mode="json")
    whales = {"name": "whales", "advice": "Call.", "colour": "#000000"}
    content["segments"][0]["cells"] = [{"recency": 3, "frequency": 3, "monetary": "1-2"}]
    content["segments"].append({**whales, "cells": [{"recency": 3, "frequency": 3, "monetary": 3}]})
    rules = RuleSet.model_validate(content)
    table = segment_map(rules)
    assert [rules.segments[position].name for position in table[2, 2]] == ["champions", "champions", "whales"]
