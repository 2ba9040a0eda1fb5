"""The line in which the runs of a pipeline wait for their turn, inside one transaction of a store.

Whoever is not heard of until his lease ends is no longer in the line: nobody waits for a dead process.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from register.register import Turn

Moment = object
"""A point in time as the store keeps it; the order of what is kept is the order of times."""
Execute = Callable[[str, Mapping[str, object]], Any]
"""Runs SQL in which `:name` stands for a value, and returns a cursor."""

EXPIRE = "DELETE FROM turns WHERE until <= :now"
MINE = "SELECT holder, has_turn FROM turns WHERE run_id = :run_id"
JOIN = """
    INSERT INTO turns (run_id, holder, has_turn, until) VALUES (:run_id, :holder, false, :until)
    ON CONFLICT (run_id) DO UPDATE SET until = excluded.until
"""
GO = "UPDATE turns SET has_turn = true WHERE run_id = :run_id"
KEEP = "UPDATE turns SET until = :until WHERE run_id = :run_id AND holder = :holder AND until > :now"
LEAVE = "DELETE FROM turns WHERE run_id = :run_id AND holder = :holder"
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
        THEN other.requested_at > :since AND coalesce({step_state}, 'requested') = 'requested'
        ELSE NOT has_turn
    END
    ORDER BY other.run_date, other.attempt LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Line:
    """`step_state`: in the store's SQL, the state of a row of `steps`. Nobody else may write meanwhile."""

    execute: Execute
    step_state: str

    def take_turn(self, run_id: str, holder: str, *, at_once: int, now: Moment, until: Moment, since: Moment) -> Turn:
        self.execute(EXPIRE, {"now": now})
        mine = self.execute(MINE, {"run_id": run_id}).fetchone()
        if mine is not None and mine[0] != holder:
            return Turn(mine=False, before=run_id)
        self.execute(JOIN, {"run_id": run_id, "holder": holder, "until": until})
        if mine is not None and mine[1]:
            return Turn(mine=True)
        before = self._before(run_id, at_once, since)
        if before is None:
            self.execute(GO, {"run_id": run_id})
        return Turn(mine=before is None, before=before)

    def _before(self, run_id: str, at_once: int, since: Moment) -> str | None:
        busy = self.execute(BUSY, {"run_id": run_id}).fetchall()
        same_date = [other for other, same in busy if same]
        if same_date or len(busy) >= at_once:
            return str((same_date or [busy[0][0]])[0])
        query = FIRST.format(step_state=self.step_state)
        first = self.execute(query, {"run_id": run_id, "since": since}).fetchone()
        return None if first is None else str(first[0])

    def keep_turn(self, run_id: str, holder: str, *, now: Moment, until: Moment) -> bool:
        kept = self.execute(KEEP, {"run_id": run_id, "holder": holder, "now": now, "until": until})
        return bool(kept.rowcount == 1)

    def end_turn(self, run_id: str, holder: str) -> None:
        self.execute(LEAVE, {"run_id": run_id, "holder": holder})
