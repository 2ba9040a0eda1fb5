"""Colours by meaning: of segments as the rule set has them, of heat as names of the page's style."""

from collections.abc import Sequence

from reports.data import Report

HEATS = 6
NEUTRAL = "#7A7A7A"
"""Of a segment that this run's rules do not have, and of those who were not scored."""


def heat(values: Sequence[float]) -> list[int]:
    """A step from 1 to HEATS for each value, by its share of the largest; 0 for nothing.

    The root of the share: of a few large values and many small ones, the small ones still differ.
    """
    largest = max(values, default=0)
    return [0 if value <= 0 else max(1, round((value / largest) ** 0.5 * HEATS)) for value in values]


def on(colour: str) -> str:
    """Black or white, whichever is easier to read on the colour (WCAG's contrast)."""
    red, green, blue = (_linear(int(colour[place : place + 2], 16) / 255) for place in (1, 3, 5))
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#000000" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#FFFFFF"


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def colours_of(report: Report) -> dict[str, str]:
    """By segment, in the order in which people are shown them; other rules' segments last."""
    colours = {segment.name: segment.colour for segment in report.segments}
    for day in report.trend:
        colours.setdefault(day.segment, NEUTRAL)
    return colours


def places_of(report: Report) -> dict[str, int]:
    return {segment.name: place for place, segment in enumerate(report.segments)}
