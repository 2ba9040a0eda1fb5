"""Writes a snapshot: the whole file at once, for whoever puts it in its place afterwards."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from itertools import chain, islice
from pathlib import Path

from snapshot.layout import BY_SEGMENT, LAYOUT, SCHEMA, About

TOGETHER = 100
"""Rows for each statement: a third faster than one at a time."""
PLACES = "(?, ?, ?, ?, ?, ?, ?, ?, ?)"

Row = tuple[str, int | None, int | None, int | None, int | None, int | None, int | None, int | None, str | None]
"""The columns of the table customers; a rejected customer has a reason, and no scores and no segment."""


def write_snapshot(path: Path, about: About, customers: Iterable[Row]) -> None:
    """Writes a file that is not there yet. Fastest when the customers come in the order of their ids.

    Not durable before somebody syncs it; the same content gives the same bytes.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        # nobody reads it before it is whole, and a killed writer starts anew
        connection.execute("pragma journal_mode = off")
        connection.execute("pragma synchronous = off")
        connection.execute("begin")
        for definition in SCHEMA:
            connection.execute(definition)
        connection.execute("insert into about values (?)", [about.model_dump_json()])
        rest = iter(customers)
        while together := list(islice(rest, TOGETHER)):
            places = ", ".join([PLACES] * len(together))
            connection.execute(f"insert into customers values {places}", list(chain.from_iterable(together)))  # noqa: S608
        connection.execute(BY_SEGMENT)
        connection.execute(f"pragma user_version = {LAYOUT}")
        connection.execute("commit")
