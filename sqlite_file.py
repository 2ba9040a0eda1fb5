"""One SQLite file that many threads and processes write: durable, and nobody waits for it without end.

Writes of several threads that come together share one transaction, and so one sync to the disk. A write lock
held by another process is waited for up to `lock_wait` seconds, in short random steps: SQLite's own waiting
grows to 100 ms a step, which a message would feel.
"""

import os
import random
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from typing import Any, TypeVar, cast

T = TypeVar("T")

BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
WAL_LIMIT = 8 * 1024 * 1024
"""Bytes to which the write-ahead log is cut once its content is in the file."""

FEW_FREE_PAGES, PAGES_PER_ROUND = 256, 1000
"""Pages of 4 KiB: so many free ones are kept for what comes next, and so many at once go back to the disk."""


@dataclass(slots=True)
class _Write:
    """One thread's part of a transaction, and what came of it. `woken`: settled, or its thread has to lead."""

    work: Callable[[sqlite3.Connection], Any]
    durable: bool
    woken: Event = field(default_factory=Event)
    settled: bool = False
    value: Any = None
    error: Exception | None = None

    def settle(self, failure: Exception | None) -> None:
        self.error = failure or self.error
        self.settled = True
        self.woken.set()

    def run(self, connection: sqlite3.Connection) -> None:
        """An error of this part undoes this part alone; one of the file goes up and undoes them all."""
        connection.execute("SAVEPOINT part")
        try:
            value = self.work(connection)
            if isinstance(value, sqlite3.Cursor):
                # freed by its own thread, it would reset a statement that the next leader is just stepping through
                value.close()
            else:
                self.value = value
        except sqlite3.Error:
            raise
        except Exception as error:
            connection.execute("ROLLBACK TO part")
            self.error = error
        connection.execute("RELEASE part")


class SqliteFile:
    """Raises `unavailable`, with what happened and what to do, for everything that is wrong with the file."""

    def __init__(
        self,
        path: Path,
        schema: Sequence[str],
        *,
        version: int,
        unavailable: type[Exception],
        lock_wait: float = 10,
    ) -> None:
        self._path = path
        self._unavailable = unavailable
        self._lock_wait = lock_wait
        self._lock = Lock()
        self._leading = Lock()
        self._writes: deque[_Write] = deque()
        self._commits = 0
        self._synchronous = ""
        self._closed = False
        self._connection = self._connect()
        try:
            self._guarded(lambda: self._prepare(schema, version))
        except BaseException:
            self._connection.close()
            raise
        self._inode = path.stat().st_ino

    def read(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self._lock:
            self._check_open()
            return self._guarded(lambda: self._connection.execute(sql, parameters).fetchall())

    def write(self, work: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        """Runs `work` in a transaction of its own or of several threads together, and returns its value.

        When this returns the change outlives the process; with `durable` it outlives a power failure too.
        """
        write = _Write(work, durable)
        self._writes.append(write)
        while not write.settled:
            if self._leading.acquire(blocking=False):
                self._lead()
            else:
                write.woken.wait()
                write.woken.clear()
        if write.error is not None:
            raise write.error
        return cast(T, write.value)

    def version(self) -> tuple[int, int]:
        """Another value whenever something was committed, here or in another process. Costs microseconds."""
        return self.read("PRAGMA data_version")[0][0], self._commits

    def shrink(self) -> bool:
        """Gives free space back to the disk, a part that others can wait for. Whether there is more."""
        with self._lock:
            self._check_open()
            return self._guarded(self._shrink)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._connection.close()

    def _lead(self) -> None:
        """Commits what all threads have to write by now. Who came meanwhile is woken to lead next."""
        writes: list[_Write] = []
        failure: str | None = f"{self._path}: interrupted while writing; nothing was changed"
        try:
            with self._lock:
                while self._writes:
                    writes.append(self._writes.popleft())
                failure = self._commit(writes)
        finally:
            for write in writes:
                write.settle(None if failure is None else self._unavailable(failure))
            self._leading.release()
            with suppress(IndexError):
                self._writes[0].woken.set()

    def _check_open(self) -> None:
        if self._closed:
            raise self._unavailable(f"{self._path} was closed by this process")

    def _connect(self) -> sqlite3.Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise self._unavailable(f"{self._path} cannot be opened for writing: {error.strerror}") from None
        return sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)

    def _prepare(self, schema: Sequence[str], version: int) -> None:
        self._connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute(f"PRAGMA journal_size_limit={WAL_LIMIT}")
        found = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if found not in (0, version):
            raise self._unavailable(f"{self._path} has layout {found}, this program needs {version}: move it away")
        if found == 0:
            self._create(schema, version)

    def _create(self, schema: Sequence[str], version: int) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in schema:
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA user_version={version}")
            self._connection.execute("COMMIT")
        finally:
            self._roll_back()

    def _commit(self, writes: Sequence[_Write]) -> str | None:
        """All of them in one transaction; returns why nothing was changed, if so."""
        try:
            self._check_open()
            self._same_file()
            self._sync(any(write.durable for write in writes))
            self._guarded(lambda: self._connection.execute("BEGIN IMMEDIATE"))
            for write in writes:
                write.run(self._connection)
            self._connection.execute("COMMIT")
            self._commits += 1
        except sqlite3.Error as error:
            return f"{self._path}: {error}"
        except self._unavailable as error:
            return str(error)
        finally:
            self._roll_back()
        return None

    def _shrink(self) -> bool:
        free = self._connection.execute("PRAGMA freelist_count").fetchone()[0]
        if free <= FEW_FREE_PAGES:
            return False
        # execute() would free a single page: this statement has to be stepped to its end
        self._connection.executescript(f"PRAGMA incremental_vacuum({PAGES_PER_ROUND})")
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return bool(free > PAGES_PER_ROUND)

    def _sync(self, durable: bool) -> None:
        synchronous = "FULL" if durable else "NORMAL"
        if synchronous != self._synchronous:
            self._connection.execute(f"PRAGMA synchronous={synchronous}")
            self._synchronous = synchronous

    def _same_file(self) -> None:
        """What is written to a file that was removed is lost, and nothing else would say so."""
        try:
            same = self._path.stat().st_ino == self._inode
        except OSError:
            same = False
        if not same:
            raise self._unavailable(f"{self._path} was removed or replaced while in use: start this process again")

    def _roll_back(self) -> None:
        if not self._closed and self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _guarded(self, call: Callable[[], T]) -> T:
        """Waits for a lock, not longer than `lock_wait`; says what else is wrong with the file."""
        give_up = time.monotonic() + self._lock_wait
        while True:
            try:
                return call()
            except sqlite3.Error as error:
                if not _is_busy(error):
                    raise self._unavailable(f"{self._path}: {error}") from None
                if time.monotonic() > give_up:
                    raise self._unavailable(
                        f"{self._path} is locked by another process for more than {self._lock_wait:g} s;"
                        " end the process that holds it"
                    ) from None
            time.sleep(random.uniform(0.0003, 0.003))  # noqa: S311


def _is_busy(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in BUSY
