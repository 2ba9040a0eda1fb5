"""The two rules once more, customer by customer and without numpy, to compare with. Written from the issue's text."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

Customer = tuple[int, int, Decimal]
"""recency, frequency, monetary."""


def naive_edge(values: Sequence, share: str):
    """The smallest value that at least this share of all values does not exceed."""
    for value in sorted(values):
        if Fraction(sum(other <= value for other in values), len(values)) >= Fraction(share):
            return value
    raise AssertionError


def naive_quintile(customers: Sequence[Customer]) -> list[tuple[int, int, int]]:
    edges = [
        [naive_edge([c[part] for c in customers], share) for share in ("0.2", "0.4", "0.6", "0.8")] for part in range(3)
    ]

    def below(part, value):
        return sum(edge < value for edge in edges[part])

    return [(5 - below(0, r), 1 + below(1, f), 1 + below(2, m)) for r, f, m in customers]


def naive_tercile(customers: Sequence[Customer]) -> list[tuple[int, int, int]]:
    r33, r67 = (naive_edge([c[0] for c in customers], share) for share in ("0.33", "0.67"))
    m33, m67 = (naive_edge([c[2] for c in customers], share) for share in ("0.33", "0.67"))
    scores = []
    for r, f, m in customers:
        r_score = 1 if r >= r67 else 2 if r >= r33 else 3
        f_score = 3 if f >= 5 else 2 if f >= 2 else 1
        m_score = 3 if m >= m67 else 2 if m >= m33 else 1
        scores.append((r_score, f_score, m_score))
    return scores


def naive_quintile_segment(r: int, f: int) -> str:
    if r <= 2:
        return "hibernating" if f <= 2 else "at risk" if f <= 4 else "can't lose"
    if r == 3 and f <= 3:
        return "about to sleep" if f <= 2 else "need attention"
    if r == 5 and f >= 4:
        return "champions"
    if f >= 4:
        return "loyal"
    if f >= 2:
        return "potential loyalist"
    return "promising" if r == 4 else "new"
