"""How many rows each run_date has in a step's tables and of which runs, beside the run that the ledger names last."""

from datetime import date

from google.cloud import bigquery

from warehouse.bigquery_errors import in_plain_words
from warehouse.bigquery_place import Place
from warehouse.warehouse import ROWS_OF, DateRows


def rows_by_date(place: Place, step: str) -> dict[date, DateRows]:
    with in_plain_words(str(place)):
        dataset = bigquery.DatasetReference(place.project, place.dataset)
        there = {table.table_id for table in place.client.list_tables(dataset, retry=place.retry)}
    tables = [table for table in ROWS_OF.get(step, ()) if table in there]
    if not tables or "run_ledger" not in there:
        return {}
    rows = " union all ".join(f"select run_date, run_id from {table}" for table in tables)  # noqa: S608
    found = place.rows(
        f"""
        select
            coalesce(counted.run_date, committed.run_date), coalesce(counted.times, 0), committed.run_id,
            counted.first_run, counted.last_run
        from (
            select run_date, count(*) as times, min(run_id) as first_run, max(run_id) as last_run
            from ({rows}) as days group by run_date
        ) as counted
        full join (
            select run_date, run_id from run_ledger where step = @step
            qualify row_number() over (partition by run_date order by committed_at desc) = 1
        ) as committed on counted.run_date = committed.run_date
        """,  # noqa: S608
        {"step": step},
    )
    return {
        run_date: DateRows(times, run_id, (first, last) if times else None)
        for run_date, times, run_id, first, last in found
    }
