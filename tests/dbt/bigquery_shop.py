"""A user whose orders are a table on BigQuery's stand-in."""

import pyarrow as pa

from settings import Model, Source, Stack
from tests.dbt.conftest import request_for
from tests.stores import BigQueryStore, settings_for
from workload.features import build_features
from workload.sql import require_published

KINDS = {
    "string": "string",
    "date32[day]": "date",
    "timestamp[us, tz=UTC]": "timestamp",
    "double": "float64",
    "int64": "int64",
}


class BigQueryShop(BigQueryStore):
    """A user whose orders are a table in BigQuery."""

    def __init__(self, stand_in, folder):
        super().__init__(stand_in)
        self.stand_in, self.folder = stand_in, folder
        self.raw = f"{self.place.dataset}_raw"
        self.place.client.create_dataset(self.raw)
        self.write(f"create table {self.raw}.`__TABLES__` (table_id string, row_count int64, last_modified_time int64)")

    def deliver(self, orders: pa.Table):
        """Makes the table of orders anew. The stand-in does not keep BigQuery's list of tables, so it is kept here."""
        self.place.client.delete_table(f"{self.raw}.orders", not_found_ok=True)
        columns = ", ".join(f"{field.name} {KINDS.get(str(field.type), 'numeric(18, 2)')}" for field in orders.schema)
        self.write(f"create table {self.raw}.orders ({columns})")
        if orders.num_rows:
            self.fill("orders", orders, dataset=self.raw)
        self.write(f"delete from {self.raw}.`__TABLES__` where true")
        self.write(f"insert into {self.raw}.`__TABLES__` values ('orders', {orders.num_rows}, 1)")

    def options(self, window_days=720, **source):
        return settings_for(
            self.stand_in,
            self.place.dataset,
            source=Source(**{"table": f"{self.raw}.orders", "max_rejected": 1, **source}),
            model=Model(window_days=window_days),
            stack=Stack(path=self.folder / "stack"),
        )

    def run(self, run_date, attempt=1, **options):
        require_published(build_features(request_for(run_date, attempt), self.options(**options)))

    def features(self, run_date):
        return self.rows(
            "select customer_id, recency, frequency, monetary from rfm_features"
            f" where run_date = date '{run_date}' order by 1"
        )


def orders(*rows):
    names = ["order_id", "customer_id", "order_date", "amount"]
    schema = pa.schema(zip(names, [pa.string(), pa.string(), pa.date32(), pa.decimal128(18, 2)], strict=True))
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema)
