"""Features as the step `features` leaves them: the table of dbt, and its ledger row."""

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb

from messenger.contract import RunRequest, run_id_of
from warehouse.duckdb import DuckDBWarehouse

RUN_DATE = date(2026, 6, 29)
WINDOW = 720
Row = tuple[str | None, int | None, int, Decimal | str]
"""customer_id, recency, frequency, monetary."""

TABLE = """
    create table if not exists rfm_features (
        customer_id varchar, run_date date, recency integer, frequency integer, monetary decimal(18, 2), run_id varchar
    )
"""


def given_request(run_date: date = RUN_DATE, attempt: int = 1, **parameters) -> RunRequest:
    now = datetime.now(UTC)
    return RunRequest(
        run_id=run_id_of("rfm", run_date, attempt),
        pipeline="rfm",
        step="scoring",
        run_date=run_date,
        attempt=attempt,
        parameters=parameters,
        requested_by="test",
        requested_at=now,
        deadline=now + timedelta(hours=1),
    )


def given_warehouse(path: Path, lock_wait: float = 5) -> DuckDBWarehouse:
    warehouse = DuckDBWarehouse(path, lock_wait=lock_wait)
    warehouse.prepare()
    return warehouse


def given_features(path: Path, rows: Iterable[Row], request: RunRequest | None = None, **facts: int) -> RunRequest:
    """Replaces the features of the request's run_date and writes the ledger row of the step, with such facts."""
    request = request or given_request()
    rows = list(rows)
    with duckdb.connect(str(path)) as connection:
        connection.execute(TABLE)
        connection.execute("delete from rfm_features where run_date = ?", [request.run_date])
        connection.execute(
            """
            insert into rfm_features
            select unnest($1::varchar[]), $2::date, unnest($3::integer[]), unnest($4::integer[]),
                unnest($5::decimal(18, 2)[]), $6
            """,
            [*_columns(rows)[:1], request.run_date, *_columns(rows)[1:], request.run_id],
        )
        write_features_ledger(connection, request, len(rows), **facts)
    return request


def _columns(rows: list[Row]) -> list[list]:
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
    return [*columns[:3], [None if monetary is None else str(monetary) for monetary in columns[3]]]


def write_features_ledger(
    connection: duckdb.DuckDBPyConnection, request: RunRequest, customers: int, **facts: int
) -> None:
    connection.execute("delete from run_ledger where run_id = ? and step = 'features'", [request.run_id])
    connection.execute(
        "insert into run_ledger values (?, 'rfm', 'features', ?, ?, '', ?, now()::timestamp)",
        [request.run_id, request.run_date, request.attempt, json.dumps({"customers": customers, **facts})],
    )


def read_rows(path: Path, query: str) -> list[tuple]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(query).fetchall()
