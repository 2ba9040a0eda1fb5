"""Segments of the rule sets that ship are told apart by their colours also by those who are colour-blind."""

from itertools import combinations
from math import dist

import pytest

from rfm.read_rules import rules_named, shipped_names

SEEN_BY = {
    "most people": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopes": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopes": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopes": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
"""Linear RGB to what they see of it (Machado, Oliveira and Fernandes, 2009, severity 1.0)."""
TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
WHITE = (0.95047, 1.0, 1.08883)
APART = 15
"""Delta E (CIE 1976). A difference of 2.3 is just noticed when two colours touch."""


def times(matrix, vector):
    return [sum(factor * part for factor, part in zip(row, vector, strict=True)) for row in matrix]


def linear(channel):
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def lab(colour, matrix):
    """CIELAB of what is seen of a colour such as #117733."""
    rgb = [linear(int(colour[place : place + 2], 16) / 255) for place in (1, 3, 5)]
    seen = [min(1, max(0, part)) for part in times(matrix, rgb)]
    x, y, z = (root(part / white) for part, white in zip(times(TO_XYZ, seen), WHITE, strict=True))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def root(part):
    return part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116


@pytest.mark.parametrize("eyes", SEEN_BY)
@pytest.mark.parametrize("rules", shipped_names())
def test_no_two_segments_look_alike(rules, eyes):
    colours = {segment.name: lab(segment.colour, SEEN_BY[eyes]) for segment in rules_named(rules).segments}
    alike = [pair for pair in combinations(colours, 2) if dist(*(colours[name] for name in pair)) < APART]

    assert alike == []


def test_red_and_green_are_found_to_look_alike():
    """Else the test above would let everything pass."""
    red, green = "#AA4400", "#557700"

    assert dist(lab(red, SEEN_BY["most people"]), lab(green, SEEN_BY["most people"])) > APART
    assert dist(lab(red, SEEN_BY["deuteranopes"]), lab(green, SEEN_BY["deuteranopes"])) < APART
