"""Drift: how far a distribution has moved, as the population stability index.

psi = sum over the scores of (now - then) * ln(now / then), with the shares of the customers that have each score.
The bounds are those usual for scorecards (Siddiqi, Credit Risk Scorecards, 2006): below 0.1 nothing to speak of,
from 0.25 on the model should be looked at, and in between watched.
"""

from collections.abc import Sequence
from math import log

from reports.data import Level

MOVED, SHIFTED = 0.1, 0.25
FEWEST = 0.5
"""Customers that an empty score is taken to have, so that its share has a logarithm."""


def shares(customers: Sequence[int]) -> tuple[float, ...]:
    total = sum(customers)
    return tuple(count / total for count in customers)


def psi(then: Sequence[int], now: Sequence[int]) -> float:
    """Of customers counted score by score. Scores that were and are empty say nothing. Both need a customer."""
    pairs = [(max(old, FEWEST), max(new, FEWEST)) for old, new in zip(then, now, strict=True) if old or new]
    old_total, new_total = sum(old for old, _ in pairs), sum(new for _, new in pairs)
    return sum((new / new_total - old / old_total) * log(new / new_total / (old / old_total)) for old, new in pairs)


def level(value: float) -> Level:
    if value < MOVED:
        return "steady"
    return "moved" if value < SHIFTED else "shifted"
