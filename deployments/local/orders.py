"""The orders that `make run` scores: the demo's when nothing else is named, and the last date in them."""

from datetime import date

from deployments.demo_data import fetch
from errors import Permanent
from settings import PROJECT, Settings, Source
from warehouse.orders_table import OrdersTable
from wiring import open_orders_table
from workload.source import SourceFile, check_source, check_table

DEMO_ORDERS = PROJECT / str(Source.model_fields["path"].default)


class NoOrderDate(Permanent):
    """No order has a readable date up to today, or nobody looks for one: RUN_DATE is needed."""


def find_orders(settings: Settings) -> SourceFile | OrdersTable:
    """The orders where the warehouse reads them: a file, or a table of its own. Raises what prepare_orders raises."""
    if settings.warehouse.kind == "bigquery":
        return check_table(open_orders_table(settings), settings.source)
    return prepare_orders(settings.source)


def prepare_orders(source: Source) -> SourceFile:
    """Fetches the demo orders when no others are named. Raises WrongSource and what fetching them raises."""
    if source.path == DEMO_ORDERS:
        fetch(source.path)
    return check_source(source)


def last_order_date(source: Source, file: SourceFile | OrdersTable, today: date) -> date:
    """The newest order date that is not in the future. Raises NoOrderDate."""
    if isinstance(file, OrdersTable):
        raise NoOrderDate(f"orders table {file} is not read for its last date; say the day, RUN_DATE=1998-06-30")
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
