"""The register in a Postgres database, for programs on many machines that have no disk in common.

Everything lives in the schema `register`, so that the database may be one that holds other things too. Who is the
first to claim an attempt is decided by the table's unique key; news of one run take turns by the lock on its row.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

from messenger.contract import Message, RunRequest, RunStatus, Scalar, run_id_of
from register.line import Line
from register.postgres_pool import Database, open_pool, reaching
from register.register import Run, StepNews, Turn
from register.rules import UNKNOWN, as_run, merge, next_attempt, requested, told

RUNS = """
    SELECT run_id, pipeline, run_date, attempt, parameters, requested_by, requested_at, published,
        ARRAY(SELECT news FROM steps WHERE steps.run_id = runs.run_id ORDER BY id)
    FROM runs
"""
BY_ID = RUNS + " WHERE run_id = %s"
NEWEST_ATTEMPT = RUNS + " WHERE pipeline = %s AND run_date = %s ORDER BY attempt DESC LIMIT 1"
LAST_BEFORE = RUNS + " WHERE pipeline = %s AND run_date < %s ORDER BY run_date DESC, attempt DESC LIMIT 1"
NEWEST_REQUESTS = RUNS + " WHERE pipeline = coalesce(%s, pipeline) ORDER BY requested_at DESC, id DESC LIMIT %s"

ADD_RUN = """
    INSERT INTO runs
        (run_id, pipeline, run_date, attempt, parameters, requested_by, requested_at, published)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
MARK_PUBLISHED = "UPDATE runs SET published = true WHERE run_id = %s AND NOT published"
LOCK_RUN = "SELECT FROM runs WHERE run_id = %s FOR UPDATE"
STEP = "SELECT news FROM steps WHERE run_id = %s AND step = %s"
PUT_STEP = """
    INSERT INTO steps (run_id, step, state, news) VALUES (%s, %s, %s, %s)
    ON CONFLICT (run_id, step) DO UPDATE SET state = excluded.state, news = excluded.news
"""
ONE_TURN_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended('register of runs: turns', 0))"
HOLDER = "SELECT holder FROM turns WHERE run_id = %s AND until > %s"

MOST_CONNECTIONS = 8
"""Of one process. More threads than that wait for each other; Cloud SQL's smallest database takes 25 in all."""


class PostgresRegister:
    """`url` is libpq's, `postgresql://user:password@host/database`. The schema is made, or brought up to date.

    `within` in seconds: how long a connection, a statement and a lock are waited for before RegisterUnavailable
    is raised. A connection that broke while nobody used it is replaced without anybody noticing.
    """

    def __init__(self, url: str, *, within: float = 10, connections: int = MOST_CONNECTIONS) -> None:
        self._pool = open_pool(url, within=within, connections=connections)

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
        with self._connection() as database:
            while True:
                newest = _run_of(database, NEWEST_ATTEMPT, pipeline, run_date)
                attempt = next_attempt(newest, parameters, force=force)
                if newest is not None and attempt is None:
                    return newest, False
                run_id = run_id_of(pipeline, run_date, attempt or 1)
                asked = (pipeline, run_date, attempt or 1, json.dumps(dict(parameters)), requested_by, now, published)
                # whoever comes second waits here for the first, adds nothing, and looks again
                if database.execute(ADD_RUN, (run_id, *asked)).rowcount:
                    return _known(database, run_id), True

    def mark_published(self, run_id: str) -> None:
        with self._connection() as database:
            database.execute(MARK_PUBLISHED, (run_id,))

    def note_request(self, request: RunRequest) -> None:
        with self._connection() as database, database.transaction():
            _make_known(database, request, request.parameters, request.requested_by, request.requested_at)
            database.execute(MARK_PUBLISHED, (request.run_id,))
            _merge_step(database, request.run_id, requested(request))

    def note_status(self, status: RunStatus) -> None:
        with self._connection() as database, database.transaction():
            _make_known(database, status, {}, UNKNOWN, status.at)
            _merge_step(database, status.run_id, told(status))

    def go_on(self, failed: RunStatus, *, requested_by: str, now: datetime) -> Run | None:
        with self._connection() as database, database.transaction():
            newest = _run_of(database, NEWEST_ATTEMPT, failed.pipeline, failed.run_date)
            if newest is None or newest.run_id != failed.run_id:
                return None
            attempt = failed.attempt + 1
            run_id = run_id_of(failed.pipeline, failed.run_date, attempt)
            asked = (failed.pipeline, failed.run_date, attempt, json.dumps(dict(newest.parameters)), requested_by, now)
            if not database.execute(ADD_RUN, (run_id, *asked, True)).rowcount:
                return None
            database.execute(LOCK_RUN, (failed.run_id,))
            _merge_step(database, failed.run_id, told(failed))
            return _known(database, run_id)

    def take_turn(
        self, run_id: str, holder: str, *, at_once: int, lease: timedelta, patience: timedelta, now: datetime
    ) -> Turn:
        with self._connection() as database, database.transaction():
            database.execute(ONE_TURN_AT_A_TIME)
            return _line(database).take_turn(
                run_id, holder, at_once=at_once, now=now, until=now + lease, since=now - patience
            )

    def keep_turn(self, run_id: str, holder: str, *, lease: timedelta, now: datetime) -> bool:
        with self._connection() as database:
            return _line(database).keep_turn(run_id, holder, now=now, until=now + lease)

    def end_turn(self, run_id: str, holder: str) -> None:
        with self._connection() as database:
            _line(database).end_turn(run_id, holder)

    def holder_of(self, run_id: str, *, now: datetime) -> str | None:
        with self._connection() as database:
            row = database.execute(HOLDER, (run_id, now)).fetchone()
            return None if row is None else str(row[0])

    def last_before(self, pipeline: str, run_date: date) -> Run | None:
        with self._connection() as database:
            return _run_of(database, LAST_BEFORE, pipeline, run_date)

    def get(self, run_id: str) -> Run | None:
        with self._connection() as database:
            return _run_of(database, BY_ID, run_id)

    def list(self, *, limit: int = 50, pipeline: str | None = None) -> Sequence[Run]:
        with self._connection() as database:
            return [_as_run(row) for row in database.execute(NEWEST_REQUESTS, (pipeline, limit)).fetchall()]

    def close(self) -> None:
        self._pool.close()

    @contextmanager
    def _connection(self) -> Iterator[Database]:
        """Outside of a `transaction()` each statement is committed by itself, and durable then."""
        with reaching(), self._pool.connection() as database:
            yield database


def _make_known(
    database: Database, message: Message, parameters: Mapping[str, Scalar], requested_by: str, at: datetime
) -> None:
    """The run is there, and until this transaction ends nobody else notes anything about it.

    What a message says of its sender is not trusted: Postgres keeps no NUL in a text.
    """
    about = (message.run_id, message.pipeline, message.run_date, message.attempt)
    database.execute(ADD_RUN, (*about, json.dumps(dict(parameters)), requested_by.replace("\x00", ""), at, True))
    database.execute(LOCK_RUN, (message.run_id,))


def _merge_step(database: Database, run_id: str, news: StepNews) -> None:
    row = database.execute(STEP, (run_id, news.step)).fetchone()
    known = None if row is None else StepNews.model_validate_json(row[0])
    merged = merge(known, news)
    if merged != known:
        database.execute(PUT_STEP, (run_id, news.step, merged.state, merged.model_dump_json()))


def _line(database: Database) -> Line:
    def execute(query: str, values: Mapping[str, object]) -> Any:
        return database.execute(re.sub(r":(\w+)", r"%(\1)s", query), values)

    return Line(execute, step_state="steps.state")


def _known(database: Database, run_id: str) -> Run:
    return _as_run(database.execute(BY_ID, (run_id,)).fetchall()[0])


def _run_of(database: Database, query: str, *values: object) -> Run | None:
    row = database.execute(query, values).fetchone()
    return None if row is None else _as_run(row)


def _as_run(row: tuple[Any, ...]) -> Run:
    run_id, pipeline, run_date, attempt, parameters, requested_by, requested_at, published, steps = row
    news = [StepNews.model_validate_json(step) for step in steps]
    return as_run(
        news,
        run_id=run_id,
        pipeline=pipeline,
        run_date=run_date,
        attempt=attempt,
        parameters=json.loads(parameters),
        requested_by=requested_by,
        requested_at=requested_at.astimezone(UTC),
        published=published,
    )
