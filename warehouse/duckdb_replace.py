"""The commit of the scoring step in DuckDB: one transaction that replaces a run_date, or changes nothing."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import duckdb

from warehouse.warehouse import CLOSED, LedgerRow, RunClosed, ScoresRefused, Staging, StoredModel


def replace_scores(
    connection: duckdb.DuckDBPyConnection,
    staged: Staging,
    ledger: LedgerRow,
    *,
    features_run: str,
    model_id: str | None,
    fitted: StoredModel | None,
) -> None:
    with committing(connection, ledger):
        _check(connection, staged, ledger, features_run)
        _replace_rows(connection, staged, ledger, model_id)
        if fitted is not None:
            _store_model(connection, fitted, ledger)


@contextmanager
def committing(connection: duckdb.DuckDBPyConnection, ledger: LedgerRow) -> Iterator[None]:
    """A step's transaction: what is written within is committed with the ledger row, or not at all.

    After an error the connection has to be closed, which rolls back. Raises RunClosed.
    """
    connection.execute("begin transaction")
    _refuse_closed(connection, ledger.run_id)
    yield
    _write_ledger(connection, ledger)
    connection.execute("commit")


def close_run(connection: duckdb.DuckDBPyConnection, closing: LedgerRow) -> None:
    """The file has one writer at a time: whoever commits after this finds the row."""
    connection.execute("begin transaction")
    if not _closed(connection, closing.run_id):
        _write_ledger(connection, closing)
    connection.execute("commit")


def note_published(connection: duckdb.DuckDBPyConnection, published: LedgerRow) -> None:
    connection.execute("begin transaction")
    _refuse_closed(connection, published.run_id)
    _write_ledger(connection, published)
    connection.execute("commit")


def _closed(connection: duckdb.DuckDBPyConnection, run_id: str) -> list[tuple[str]]:
    query = "select facts ->> '$.reason' from run_ledger where run_id = ? and step = ?"
    return connection.execute(query, [run_id, CLOSED]).fetchall()


def _refuse_closed(connection: duckdb.DuckDBPyConnection, run_id: str) -> None:
    for (reason,) in _closed(connection, run_id):
        raise RunClosed(f"run {run_id} was closed before its commit, nothing was committed: {reason}")


def _check(connection: duckdb.DuckDBPyConnection, staged: Staging, ledger: LedgerRow, features_run: str) -> None:
    """Nothing lost, nothing doubled, nobody's features replaced meanwhile. Raises ScoresRefused."""
    [(foreign, *came_in)] = connection.execute(
        """
        select count(*) filter (run_id is distinct from ?), count(*), sum(recency), sum(frequency), sum(monetary)
        from rfm_features where run_date = ?
        """,
        [features_run, ledger.run_date],
    ).fetchall()
    # different hashes are of different customers: the ids themselves, which take far more memory, are only
    # counted when two hashes are the same
    named, customers, *staged_sums = _staged_totals(
        connection, staged, "case when customer_id <> '' then hash(customer_id) end"
    )
    if named != customers:
        named, customers, *_ = _staged_totals(connection, staged, "nullif(customer_id, '')")
    if foreign:
        raise ScoresRefused(
            f"run {ledger.run_id}: another run has replaced the features of {ledger.run_date} meanwhile"
        )
    if named != customers:
        raise ScoresRefused(f"run {ledger.run_id}: {named - customers} customers stand in the features more than once")
    if came_in != staged_sums:
        raise ScoresRefused(
            f"run {ledger.run_id}: {came_in[0]} features came in and {staged_sums[0]} are scored or rejected,"
            " or their sums differ"
        )


def _staged_totals(connection: duckdb.DuckDBPyConnection, staged: Staging, customer: str) -> tuple[Any, ...]:
    """Rows with a customer, different values of `customer`, rows, and sums."""
    rows: list[tuple[Any, ...]] = connection.execute(
        f"""
        select
            count(nullif(customer_id, '')), count(distinct {customer}),
            count(*), sum(recency), sum(frequency), sum(monetary)
        from (
            select customer_id, recency, frequency, monetary from read_parquet($scores)
            union all
            select customer_id, recency, frequency, monetary from read_parquet($rejected)
        )
        """,  # noqa: S608
        _files(staged),
    ).fetchall()
    return rows[0]


def _replace_rows(
    connection: duckdb.DuckDBPyConnection, staged: Staging, ledger: LedgerRow, model_id: str | None
) -> None:
    for table in ("rfm_scores", "rfm_rejected"):
        connection.execute(f"delete from {table} where run_date = ?", [ledger.run_date])  # noqa: S608
    written = {"run_date": ledger.run_date, "run_id": ledger.run_id}
    connection.execute(
        """
        insert into rfm_scores by name
        select customer_id, cast($run_date as date) as run_date, recency, frequency, monetary,
            r_score, f_score, m_score, segment, $model_id as model_id, $run_id as run_id
        from read_parquet($scores)
        """,
        {**written, "model_id": model_id, "scores": str(staged.scores)},
    )
    connection.execute(
        """
        insert into rfm_rejected by name
        select customer_id, cast($run_date as date) as run_date, recency, frequency, monetary,
            reason, $run_id as run_id
        from read_parquet($rejected)
        """,
        {**written, "rejected": str(staged.rejected)},
    )


def _store_model(connection: duckdb.DuckDBPyConnection, model: StoredModel, ledger: LedgerRow) -> None:
    connection.execute("delete from rfm_models where model_id = ?", [model.model_id])
    connection.execute(
        """
        insert into rfm_models (model_id, rules, edges, definition, fitted_on, customers, run_id, fitted_at)
        values (?, ?, ?, ?, ?, ?, ?, ?)
        """,
        [
            model.model_id,
            model.rules,
            model.edges,
            model.definition,
            model.fitted_on,
            model.customers,
            model.run_id,
            _utc(ledger.committed_at),
        ],
    )


def _write_ledger(connection: duckdb.DuckDBPyConnection, row: LedgerRow) -> None:
    connection.execute("delete from run_ledger where run_id = ? and step = ?", [row.run_id, row.step])
    connection.execute(
        """
        insert into run_ledger (run_id, pipeline, step, run_date, attempt, flow_run_id, facts, committed_at)
        values (?, ?, ?, ?, ?, ?, ?, ?)
        """,
        [
            row.run_id,
            row.pipeline,
            row.step,
            row.run_date,
            row.attempt,
            row.flow_run_id,
            json.dumps(dict(row.facts)),
            _utc(row.committed_at),
        ],
    )


def _files(staged: Staging) -> dict[str, str]:
    return {"scores": str(staged.scores), "rejected": str(staged.rejected)}


def _utc(moment: datetime) -> datetime:
    """The tables' timestamps know no zone and are UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None)
