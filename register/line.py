"""The line in which the runs of a pipeline wait for their turn, inside one transaction of the SQLite register.

Moments are texts in UTC, all of one form, so that their order is the order of times. Whoever is not heard of until
his lease ends is no longer in the line: nobody waits for a dead process.
"""

from collections.abc import Callable, Sequence
from sqlite3 import Connection
from typing import Any

from register.register import Turn

TURNS = """CREATE TABLE IF NOT EXISTS turns (
    run_id TEXT PRIMARY KEY, holder TEXT NOT NULL, has_turn INTEGER NOT NULL, until TEXT NOT NULL
) WITHOUT ROWID"""
MINE = "SELECT holder, has_turn FROM turns WHERE run_id = ?"
JOIN = """
    INSERT INTO turns (run_id, holder, has_turn, until) VALUES (?, ?, 0, ?)
    ON CONFLICT (run_id) DO UPDATE SET until = excluded.until
"""
BUSY = """
    SELECT run_id, run_date = (SELECT run_date FROM runs WHERE run_id = :run_id) FROM turns JOIN runs USING (run_id)
    WHERE has_turn AND pipeline = (SELECT pipeline FROM runs WHERE run_id = :run_id)
    ORDER BY run_date, attempt
"""
FIRST = """
    SELECT other.run_id
    FROM runs AS other
    JOIN runs AS mine ON mine.run_id = :run_id AND other.pipeline = mine.pipeline
    LEFT JOIN turns ON turns.run_id = other.run_id
    LEFT JOIN steps ON steps.run_id = other.run_id AND steps.step = 'orchestrate'
    WHERE (other.run_date, other.attempt) < (mine.run_date, mine.attempt)
    AND CASE WHEN turns.run_id IS NULL
        THEN other.requested_at > :since AND coalesce(steps.news ->> '$.state', 'requested') = 'requested'
        ELSE NOT has_turn
    END
    ORDER BY other.run_date, other.attempt LIMIT 1
"""


def take_turn(file: Connection, run_id: str, holder: str, *, at_once: int, now: str, until: str, since: str) -> Turn:
    file.execute("DELETE FROM turns WHERE until <= ?", (now,))
    mine = file.execute(MINE, (run_id,)).fetchone()
    if mine is not None and mine[0] != holder:
        return Turn(mine=False, before=run_id)
    file.execute(JOIN, (run_id, holder, until))
    if mine is not None and mine[1]:
        return Turn(mine=True)
    before = _before(file, run_id, at_once, since)
    if before is None:
        file.execute("UPDATE turns SET has_turn = 1 WHERE run_id = ?", (run_id,))
    return Turn(mine=before is None, before=before)


def _before(file: Connection, run_id: str, at_once: int, since: str) -> str | None:
    busy = file.execute(BUSY, {"run_id": run_id}).fetchall()
    same_date = [other for other, same in busy if same]
    if same_date or len(busy) >= at_once:
        return str((same_date or [busy[0][0]])[0])
    first = file.execute(FIRST, {"run_id": run_id, "since": since}).fetchone()
    return None if first is None else str(first[0])


def keep_turn(file: Connection, run_id: str, holder: str, *, now: str, until: str) -> bool:
    kept = file.execute(
        "UPDATE turns SET until = ? WHERE run_id = ? AND holder = ? AND until > ?", (until, run_id, holder, now)
    )
    return kept.rowcount == 1


def end_turn(file: Connection, run_id: str, holder: str) -> None:
    file.execute("DELETE FROM turns WHERE run_id = ? AND holder = ?", (run_id, holder))


def holder_of(read: Callable[..., Sequence[tuple[Any, ...]]], run_id: str, now: str) -> str | None:
    rows = read("SELECT holder FROM turns WHERE run_id = ? AND until > ?", run_id, now)
    return str(rows[0][0]) if rows else None
