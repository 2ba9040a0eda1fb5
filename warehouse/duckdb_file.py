"""Opens the DuckDB file briefly, and says in plain words why it cannot be opened.

Only one process can write to the file, and while it does no other can even read it. So nobody holds it longer
than needed, and whoever finds it taken waits, but not without end.
"""

import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from warehouse.warehouse import WarehouseBusy, WarehouseOutOfRoom, WarehouseUnusable

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.5
"""Seconds between two tries to open the file."""

ENOUGH_THREADS = "set threads = greatest(8, current_setting('threads'))"
"""Groups that do not fit into memory are put aside in parts, more and smaller ones the more threads there are. With
two, the features of a hundred million orders do not fit into 1 GB, with four not always, with eight they do
(`make bench-scoring`). dbt says this too (dbt/macros/cross_database.sql)."""

_HOLDER = re.compile(r"lock is held in (?P<program>.*?) \(PID (?P<pid>\d+)\)")


@contextmanager
def opened(path: Path, *, lock_wait: float, memory_limit: str, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection, closed at the end. Raises WarehouseBusy after `lock_wait` seconds, WarehouseUnusable, and
    WarehouseOutOfRoom, also for what goes wrong with the file while the connection is used."""
    connection = _wait_for(path, lock_wait, memory_limit, read_only)
    try:
        with _in_plain_words(path):
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(ENOUGH_THREADS)
            yield connection
    finally:
        connection.close()


def _wait_for(path: Path, lock_wait: float, memory_limit: str, read_only: bool) -> duckdb.DuckDBPyConnection:
    config: dict[str, str | bool | int | float | list[str]] = {"memory_limit": memory_limit} if memory_limit else {}
    give_up, pause = time.monotonic() + lock_wait, FIRST_PAUSE
    while True:
        with _in_plain_words(path):
            try:
                return duckdb.connect(str(path), read_only=read_only, config=config)
            except (duckdb.IOException, duckdb.ConnectionException) as error:
                holder = _holder(error)
                if holder is None:
                    raise
        if time.monotonic() >= give_up:
            raise WarehouseBusy(f"{path} is held by {holder}, waited {lock_wait:g} s; wait for it to end, or end it")
        time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311
        pause = min(2 * pause, LONGEST_PAUSE)


def _holder(error: duckdb.Error) -> str | None:
    """Who has the file, when that is what is wrong."""
    text = str(error)
    if found := _HOLDER.search(text):
        return f"process {found['pid']} ({found['program']})"
    if "Could not set lock" in text:
        return "another process"
    if isinstance(error, duckdb.ConnectionException) and "different configuration" in text:
        return "this process itself, opened in another way"
    return None


@contextmanager
def _in_plain_words(path: Path) -> Iterator[None]:
    """DuckDB's text is repeated only where it is about the file; elsewhere it can hold values of customers."""
    try:
        yield
    except duckdb.OutOfMemoryException:
        raise WarehouseOutOfRoom(f"{path}: out of memory; raise WAREHOUSE_MEMORY_LIMIT or free memory") from None
    except duckdb.TransactionException as error:
        if "No space left" in str(error):
            raise WarehouseOutOfRoom(f"{path}: no space left on the disk; nothing was committed") from None
        raise WarehouseBusy(f"{path}: another writer changed the same rows; nothing was written, try again") from None
    except duckdb.CatalogException:
        raise WarehouseUnusable(f"{path}: a table is missing; has the warehouse been prepared?") from None
    except (duckdb.InternalException, duckdb.FatalException, duckdb.SerializationException) as error:
        raise WarehouseUnusable(f"{path}: damaged ({type(error).__name__}); restore it or move it away") from None
    except duckdb.IOException as error:
        text = str(error).removeprefix("IO Error: ").splitlines()[0][:300]
        if "No space left" in text:
            raise WarehouseOutOfRoom(f"{path}: {text}") from None
        raise WarehouseUnusable(f"{path}: {text}") from None
    except duckdb.Error as error:
        if "Corrupt database file" not in str(error):
            raise
        raise WarehouseUnusable(f"{path}: damaged; restore it or move it away") from None
