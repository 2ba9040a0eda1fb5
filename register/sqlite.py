"""The register in one SQLite file, for the processes of one machine.

Claims and statuses are synced to the disk: the first because an attempt must not be handed out twice, the second
because a status is acknowledged once it is noted. The rest is a hint that costs nothing to lose.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from sqlite3 import Connection
from typing import Any

from messenger.contract import Message, RunRequest, RunStatus, Scalar, run_id_of
from register.line import Line
from register.register import RegisterUnavailable, Run, StepNews, Turn
from register.rules import UNKNOWN, as_run, merge, next_attempt, requested, told
from sqlite_file import SqliteFile

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS runs (
        id INTEGER PRIMARY KEY, run_id TEXT NOT NULL UNIQUE, pipeline TEXT NOT NULL, run_date TEXT NOT NULL,
        attempt INTEGER NOT NULL, parameters TEXT NOT NULL, requested_by TEXT NOT NULL, requested_at TEXT NOT NULL,
        published INTEGER NOT NULL, UNIQUE (pipeline, run_date, attempt)
    )""",
    "CREATE INDEX IF NOT EXISTS runs_by_request ON runs (requested_at)",
    """CREATE TABLE IF NOT EXISTS steps (
        id INTEGER PRIMARY KEY, run_id TEXT NOT NULL, step TEXT NOT NULL, news TEXT NOT NULL, UNIQUE (run_id, step)
    )""",
)

RUNS = """
    SELECT run_id, pipeline, run_date, attempt, parameters, requested_by, requested_at, published, (
        SELECT json_group_array(json(news)) FROM (SELECT news FROM steps WHERE run_id = runs.run_id ORDER BY id)
    )
    FROM runs
"""
BY_ID = RUNS + " WHERE run_id = ?"
NEWEST_ATTEMPT = RUNS + " WHERE pipeline = ? AND run_date = ? ORDER BY attempt DESC LIMIT 1"
LAST_BEFORE = RUNS + " WHERE pipeline = ? AND run_date < ? ORDER BY run_date DESC, attempt DESC LIMIT 1"
NEWEST_REQUESTS = RUNS + " WHERE pipeline = coalesce(?, pipeline) ORDER BY requested_at DESC, id DESC LIMIT ?"

ADD_RUN = """
    INSERT OR IGNORE INTO runs
        (run_id, pipeline, run_date, attempt, parameters, requested_by, requested_at, published)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
MARK_PUBLISHED = "UPDATE runs SET published = 1 WHERE run_id = ?"
STEP = "SELECT news FROM steps WHERE run_id = ? AND step = ?"
PUT_STEP = """
    INSERT INTO steps (run_id, step, news) VALUES (?, ?, ?)
    ON CONFLICT (run_id, step) DO UPDATE SET news = excluded.news
"""
HOLDER = "SELECT holder FROM turns WHERE run_id = ? AND until > ?"
TURNS = """CREATE TABLE IF NOT EXISTS turns (
    run_id TEXT PRIMARY KEY, holder TEXT NOT NULL, has_turn INTEGER NOT NULL, until TEXT NOT NULL
) WITHOUT ROWID"""

Rows = Sequence[tuple[Any, ...]]


class SqliteRegister:
    """`lock_wait` in seconds: how long a write waits for another process before it raises RegisterUnavailable."""

    def __init__(self, path: Path, *, lock_wait: float = 10) -> None:
        self._file = SqliteFile(path, SCHEMA, version=1, unavailable=RegisterUnavailable, lock_wait=lock_wait)
        # a file of the time before there were turns gets them here
        if not self._file.read("SELECT 1 FROM sqlite_master WHERE name = 'turns'"):
            self._file.write(lambda file: file.execute(TURNS))

    def claim(
        self,
        pipeline: str,
        run_date: date,
        parameters: Mapping[str, Scalar],
        *,
        force: bool,
        requested_by: str,
        now: datetime,
        published: bool = False,
    ) -> tuple[Run, bool]:
        day = run_date.isoformat()

        def answer(rows: Rows) -> tuple[Run | None, int | None]:
            newest = _run_of(rows)
            return newest, next_attempt(newest, parameters, force=force)

        def claim_next(file: Connection) -> tuple[Run, bool]:
            newest, attempt = answer(file.execute(NEWEST_ATTEMPT, (pipeline, day)).fetchall())
            if newest is not None and attempt is None:
                return newest, False
            run_id = run_id_of(pipeline, run_date, attempt or 1)
            added = (run_id, pipeline, day, attempt, _json(parameters), requested_by, _utc(now), published)
            file.execute(ADD_RUN, added)
            return _as_run(file.execute(BY_ID, (run_id,)).fetchone()), True

        newest, attempt = answer(self._file.read(NEWEST_ATTEMPT, pipeline, day))
        if newest is not None and attempt is None:
            return newest, False
        return self._file.write(claim_next)

    def mark_published(self, run_id: str) -> None:
        self._file.write(lambda file: file.execute(MARK_PUBLISHED, (run_id,)), durable=False)

    def note_request(self, request: RunRequest) -> None:
        def note(file: Connection) -> None:
            _add_run(file, request, request.parameters, request.requested_by, request.requested_at)
            file.execute(MARK_PUBLISHED, (request.run_id,))
            _merge_step(file, request.run_id, requested(request))

        self._file.write(note, durable=False)

    def note_status(self, status: RunStatus) -> None:
        def note(file: Connection) -> None:
            _add_run(file, status, {}, UNKNOWN, status.at)
            _merge_step(file, status.run_id, told(status))

        self._file.write(note)

    def go_on(self, failed: RunStatus, *, requested_by: str, now: datetime) -> Run | None:
        day = failed.run_date.isoformat()

        def claim_next(file: Connection) -> Run | None:
            newest = _run_of(file.execute(NEWEST_ATTEMPT, (failed.pipeline, day)).fetchall())
            if newest is None or newest.run_id != failed.run_id:
                return None
            _merge_step(file, failed.run_id, told(failed))
            attempt = failed.attempt + 1
            run_id = run_id_of(failed.pipeline, failed.run_date, attempt)
            parameters = _json(newest.parameters)
            file.execute(ADD_RUN, (run_id, failed.pipeline, day, attempt, parameters, requested_by, _utc(now), True))
            return _run_of(file.execute(BY_ID, (run_id,)).fetchall())

        return self._file.write(claim_next)

    def take_turn(
        self, run_id: str, holder: str, *, at_once: int, lease: timedelta, patience: timedelta, now: datetime
    ) -> Turn:
        moments = {"now": _utc(now), "until": _utc(now + lease), "since": _utc(now - patience)}
        return self._file.write(
            lambda file: _line(file).take_turn(run_id, holder, at_once=at_once, **moments), durable=False
        )

    def keep_turn(self, run_id: str, holder: str, *, lease: timedelta, now: datetime) -> bool:
        moments = {"now": _utc(now), "until": _utc(now + lease)}
        return self._file.write(lambda file: _line(file).keep_turn(run_id, holder, **moments), durable=False)

    def end_turn(self, run_id: str, holder: str) -> None:
        self._file.write(lambda file: _line(file).end_turn(run_id, holder), durable=False)

    def holder_of(self, run_id: str, *, now: datetime) -> str | None:
        rows = self._file.read(HOLDER, run_id, _utc(now))
        return str(rows[0][0]) if rows else None

    def last_before(self, pipeline: str, run_date: date) -> Run | None:
        return _run_of(self._file.read(LAST_BEFORE, pipeline, run_date.isoformat()))

    def get(self, run_id: str) -> Run | None:
        return _run_of(self._file.read(BY_ID, run_id))

    def list(self, *, limit: int = 50, pipeline: str | None = None) -> Sequence[Run]:
        return [_as_run(row) for row in self._file.read(NEWEST_REQUESTS, pipeline, limit)]

    def close(self) -> None:
        self._file.close()


def _add_run(
    file: Connection, message: Message, parameters: Mapping[str, Scalar], requested_by: str, at: datetime
) -> None:
    """Only a run that is not known yet: its number must not be handed out again."""
    day = message.run_date.isoformat()
    values = (message.run_id, message.pipeline, day, message.attempt, _json(parameters), requested_by, _utc(at), True)
    file.execute(ADD_RUN, values)


def _merge_step(file: Connection, run_id: str, news: StepNews) -> None:
    row = file.execute(STEP, (run_id, news.step)).fetchone()
    known = None if row is None else StepNews.model_validate_json(row[0])
    merged = merge(known, news)
    if merged != known:
        file.execute(PUT_STEP, (run_id, news.step, merged.model_dump_json()))


def _line(file: Connection) -> Line:
    return Line(file.execute, step_state="steps.news ->> '$.state'")


def _run_of(rows: Rows) -> Run | None:
    return _as_run(rows[0]) if rows else None


def _as_run(row: tuple[Any, ...]) -> Run:
    run_id, pipeline, run_date, attempt, parameters, requested_by, requested_at, published, steps = row
    news = [StepNews.model_validate(step) for step in json.loads(steps)]
    return as_run(
        news,
        run_id=run_id,
        pipeline=pipeline,
        run_date=run_date,
        attempt=attempt,
        parameters=json.loads(parameters),
        requested_by=requested_by,
        requested_at=datetime.fromisoformat(requested_at),
        published=bool(published),
    )


def _json(parameters: Mapping[str, Scalar]) -> str:
    return json.dumps(dict(parameters))


def _utc(at: datetime) -> str:
    """One form for all, so that the order of texts is the order of times."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
