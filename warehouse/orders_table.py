"""The user's orders as a table of the warehouse."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class OrdersTable:
    """The user's orders, where the warehouse itself has them. `columns` are names and types, as it spells them."""

    project: str
    dataset: str
    name: str
    columns: Mapping[str, str]
    has_rows: bool
    changed_at: datetime

    def __str__(self) -> str:
        return f"{self.project}.{self.dataset}.{self.name}"
