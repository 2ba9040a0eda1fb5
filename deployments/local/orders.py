"""The orders that `make run` scores: the demo's when nothing else is named, and the last date in them."""

from datetime import date

from deployments.demo_data import fetch
from errors import Permanent
from settings import PROJECT, Source
from workload.source import SourceFile, check_source

DEMO_ORDERS = PROJECT / str(Source.model_fields["path"].default)


class NoOrderDate(Permanent):
    """No order has a readable date up to today."""


def prepare_orders(source: Source) -> SourceFile:
    """Fetches the demo orders when no others are named. Raises WrongSource and what fetching them raises."""
    if source.path == DEMO_ORDERS:
        fetch(source.path)
    return check_source(source)


def last_order_date(source: Source, file: SourceFile, today: date) -> date:
    """The newest order date that is not in the future. Raises NoOrderDate."""
    import duckdb

    with duckdb.connect() as memory:
        orders = (
            memory.read_parquet(str(file.path))
            if file.format == "parquet"
            else memory.read_csv(str(file.path), header=True, all_varchar=True, sep=file.delimiter)
        )
        name = '"' + source.order_date_column.replace('"', '""') + '"'
        days = orders.project(f"try_cast({name} as date) as day").filter(f"day <= date '{today.isoformat()}'")
        newest: date | None = days.max("day").fetchall()[0][0]
    if newest is None:
        raise NoOrderDate(
            f"no order in {file.path} has a readable date up to {today} in column {source.order_date_column!r};"
            " set SOURCE_ORDER_DATE_COLUMN to the right column, or RUN_DATE to a day"
        )
    return newest
