"""The user's orders in BigQuery, looked at before any SQL runs."""

from datetime import datetime

from google.api_core.exceptions import NotFound

from warehouse.bigquery_errors import in_plain_words
from warehouse.bigquery_place import Place
from warehouse.orders_table import OrdersTable


class NoSuchTable(LookupError):
    """There is no table of that name, or it may not be seen."""


def describe_orders(place: Place, table: str) -> OrdersTable:
    """`table` is dataset.table or project.dataset.table. Raises NoSuchTable."""
    *project, dataset, name = table.split(".")
    full = ".".join([*(project or [place.project]), dataset, name])
    with in_plain_words(f"BigQuery {full}"):
        try:
            found = place.client.get_table(full, retry=place.retry)
        except NotFound:
            raise NoSuchTable(full) from None
    changed_at: datetime = found.modified
    # a view has no number of rows
    has_rows = found.num_rows is None or found.table_type != "TABLE" or found.num_rows > 0
    columns = {field.name: "RECORD" if field.mode == "REPEATED" else field.field_type for field in found.schema}
    return OrdersTable(found.project, dataset, name, columns, has_rows, changed_at)
