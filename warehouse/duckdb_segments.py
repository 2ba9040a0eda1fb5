"""Reads the committed scores of a run_date: of one customer, and of all of them for those who use the segments."""

from collections.abc import Iterator
from datetime import date

import duckdb
import pyarrow as pa

from warehouse.duckdb_features import VALUES
from warehouse.warehouse import CHANGES, CURRENT, REJECTED, CustomerRow


def customer_row(connection: duckdb.DuckDBPyConnection, customer_id: str, run_date: date) -> CustomerRow | None:
    rows = connection.execute(
        """
        select run_id, recency, frequency, monetary, r_score, f_score, m_score, segment, null
        from rfm_scores where run_date = $run_date and customer_id = $customer_id
        union all
        select run_id, recency, frequency, monetary, null, null, null, null, reason
        from rfm_rejected where run_date = $run_date and customer_id = $customer_id
        """,
        {"run_date": run_date, "customer_id": customer_id},
    ).fetchall()
    if not rows:
        return None
    run_id, recency, frequency, monetary, r, f, m, segment, reason = rows[0]
    scores = None if reason else (r, f, m)
    return CustomerRow(run_id, recency, frequency, monetary, scores=scores, segment=segment, reason=reason)


def rejected(connection: duckdb.DuckDBPyConnection, run_date: date, rows: int) -> Iterator[pa.RecordBatch]:
    reader = connection.sql(
        f"""
        select customer_id, recency, frequency, {VALUES["monetary"]} as monetary_cents, reason
        from rfm_rejected where run_date = ? and customer_id <> '' order by customer_id
        """,  # noqa: S608
        params=[run_date],
    ).to_arrow_reader(rows)
    for batch in reader:
        yield batch.cast(REJECTED)


def current_segments(connection: duckdb.DuckDBPyConnection, run_date: date, rows: int) -> Iterator[pa.RecordBatch]:
    reader = connection.sql(
        f"select {', '.join(CURRENT.names)} from rfm_scores where run_date = ? order by customer_id",  # noqa: S608
        params=[run_date],
    ).to_arrow_reader(rows)
    for batch in reader:
        yield batch.cast(CURRENT)


def segment_changes(
    connection: duckdb.DuckDBPyConnection, run_date: date, before: date | None, rows: int
) -> Iterator[pa.RecordBatch]:
    reader = connection.sql(
        """
        with
            old as (select customer_id, segment from rfm_scores where run_date = $before),
            new as (select customer_id, segment from rfm_scores where run_date = $run_date)
        select
            coalesce(new.customer_id, old.customer_id) as customer_id,
            old.segment as from_segment,
            new.segment as to_segment
        from old full join new on old.customer_id = new.customer_id
        where old.segment is distinct from new.segment
        order by 1
        """,
        params={"run_date": run_date, "before": before},
    ).to_arrow_reader(rows)
    for batch in reader:
        yield batch.cast(CHANGES)
