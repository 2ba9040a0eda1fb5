"""The model: of the customers about to be lost, those who have spent the most. Plain Python."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

SEGMENTS = ("at risk", "can't lose")


@dataclass(frozen=True, slots=True)
class Scored:
    customer_id: str
    segment: str
    monetary: Decimal


def choose(customers: Iterable[Scored], *, most: int) -> list[Scored]:
    """At most so many, the highest monetary first. Customers with equal monetary stand by id."""
    worth_it = [one for one in customers if one.segment in SEGMENTS]
    return sorted(worth_it, key=lambda one: (-one.monetary, one.customer_id))[:most]
