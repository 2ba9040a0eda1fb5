"""The one place where settings become parts: which messenger, which register, which warehouse.

Each function imports what it opens, so that a process loads only what it uses.
"""

from typing import TYPE_CHECKING

from settings import Settings, get_settings

if TYPE_CHECKING:
    from messenger.messenger import Messenger
    from register.register import Register
    from settings import Warehouse as WarehouseSettings
    from warehouse.bigquery_place import Place
    from warehouse.orders_table import OrdersTable
    from warehouse.warehouse import Warehouse


def open_messenger(settings: Settings | None = None) -> "Messenger":
    chosen = (settings or get_settings()).messenger
    if chosen.kind == "pubsub":
        from messenger.pubsub import PubSubMessenger

        return PubSubMessenger(
            chosen.project, prefix=chosen.prefix, lease=chosen.lease, max_deliveries=chosen.max_deliveries
        )
    from messenger.embedded import EmbeddedMessenger

    return EmbeddedMessenger(chosen.path, lease=chosen.lease, max_deliveries=chosen.max_deliveries)


def open_register(settings: Settings | None = None) -> "Register":
    chosen = (settings or get_settings()).runs
    if url := chosen.url.get_secret_value():
        from register.postgres import PostgresRegister

        return PostgresRegister(url)
    from register.sqlite import SqliteRegister

    return SqliteRegister(chosen.path)


def open_warehouse(settings: Settings | None = None) -> "Warehouse":
    chosen = (settings or get_settings()).warehouse
    if chosen.kind == "bigquery":
        from warehouse.bigquery import BigQueryWarehouse

        return BigQueryWarehouse(_place(chosen))
    from warehouse.duckdb import DuckDBWarehouse

    return DuckDBWarehouse(chosen.path, lock_wait=chosen.lock_wait, memory_limit=chosen.memory_limit)


def open_orders_table(settings: Settings | None = None) -> "OrdersTable | None":
    """The orders in BigQuery; None when there is no such table."""
    from warehouse.bigquery_source import NoSuchTable, describe_orders

    chosen = settings or get_settings()
    try:
        return describe_orders(_place(chosen.warehouse), chosen.source.table)
    except NoSuchTable:
        return None


def _place(chosen: "WarehouseSettings") -> "Place":
    from warehouse.bigquery_place import Place

    return Place(
        project=chosen.project,
        dataset=chosen.dataset,
        location=chosen.location,
        max_bytes_billed=chosen.max_bytes_billed,
        patience=chosen.lock_wait,
        endpoint=chosen.endpoint,
        storage_endpoint=chosen.storage_endpoint,
    )
