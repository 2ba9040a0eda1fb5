"""How many rows each run_date has in a step's tables and of which runs, beside the run that the ledger names last."""

from datetime import date

import duckdb

from warehouse.warehouse import ROWS_OF, DateRows


def rows_by_date(connection: duckdb.DuckDBPyConnection, step: str) -> dict[date, DateRows]:
    there = {name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()}
    tables = [table for table in ROWS_OF.get(step, ()) if table in there]
    if not tables or "run_ledger" not in there:
        return {}
    rows = " union all ".join(f"select run_date, run_id from {table}" for table in tables)  # noqa: S608
    found = connection.execute(
        f"""
        select run_date, coalesce(rows, 0), run_id, first_run, last_run
        from (
            select run_date, count(*) as rows, min(run_id) as first_run, max(run_id) as last_run
            from ({rows}) group by run_date
        )
        full join (
            select run_date, arg_max(run_id, committed_at) as run_id from run_ledger where step = ? group by run_date
        ) using (run_date)
        """,  # noqa: S608
        [step],
    ).fetchall()
    return {
        run_date: DateRows(count, run_id, (first, last) if count else None)
        for run_date, count, run_id, first, last in found
    }
