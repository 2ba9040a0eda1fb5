"""The same odd lines through both targets: accepted and rejected alike, with the same days, amounts and reasons."""

from collections import Counter
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rfm.own_orders import read_features
from tests.dbt.bigquery_shop import BigQueryShop
from tests.dbt.odd_lines import BINARY, EXACT, TEXT, TEXT_IDS, D, Line

READ = "select order_id, customer_id, order_date, amount, reason from order_lines"
RUN_DATE = date(2024, 12, 31)


class OnDuckDB:
    def __init__(self, shop):
        self.shop = shop

    def can_hold(self, line: Line) -> bool:
        return True

    def read(self, table: pa.Table, **source):
        pq.write_table(table, self.shop.orders)
        self.shop.source = source
        self.shop.run(RUN_DATE)
        return self.shop.query(READ)


class OnBigQuery:
    def __init__(self, shop):
        self.shop = shop

    def can_hold(self, line: Line) -> bool:
        return not line.beyond_stand_in

    def read(self, table: pa.Table, **source):
        self.shop.deliver(table)
        self.shop.run(RUN_DATE, **source)
        return self.shop.rows(READ)


@pytest.fixture(params=["duckdb", "bigquery"])
def target(request):
    if request.param == "duckdb":
        return OnDuckDB(request.getfixturevalue("shop"))
    stand_in, folder = request.getfixturevalue("stand_in"), request.getfixturevalue("tmp_path")
    return OnBigQuery(BigQueryShop(stand_in, folder))


TYPES = {
    "text": (TEXT, [pa.string(), pa.string(), pa.string()], {}),
    "binary": (BINARY, [pa.float64(), pa.timestamp("us", "UTC"), pa.float64()], {}),
    "exact": (EXACT, [pa.int64(), pa.date32(), pa.decimal128(18, 2)], {"lines_are_unique": True}),
}


def delivered(lines: list[Line], types: list[pa.DataType], **columns: list) -> pa.Table:
    columns = {"order_id": [line.id for line in lines], **columns}
    for name in ("customer_id", "order_date", "amount"):
        columns.setdefault(name, [getattr(line, name) for line in lines])
    kinds = dict(zip(("customer_id", "order_date", "amount"), types, strict=True))
    return pa.table({name: pa.array(values, kinds.get(name, pa.string())) for name, values in columns.items()})


@pytest.mark.parametrize("kind", TYPES)
def test_odd_lines_are_read_alike(target, kind):
    lines, types, source = TYPES[kind]
    lines = [line for line in lines if target.can_hold(line)]

    found = target.read(delivered(lines, types), **source)

    expected = [line.as_read for line in lines]
    assert [row for row in found if row not in expected] == []
    assert [row for row in expected if row not in found] == []
    assert len(found) == len(lines)


def test_the_model_alone_reads_them_alike(tmp_path):
    """It tells fewer reasons apart, and knows no year before the window."""
    lines = [line for line in TEXT if line.day is None or RUN_DATE.year - 99 < line.day.year <= RUN_DATE.year]
    customers = [line.customer_id if line in TEXT_IDS else line.id for line in lines]
    pq.write_table(delivered(lines, TYPES["text"][1], customer_id=customers), tmp_path / "orders.parquet")

    found = read_features(tmp_path / "orders.parquet", RUN_DATE, window_days=36500, timezone="Australia/Sydney")

    of_an_amount = ("amount_too_large", "not_finite_amount")
    reasons = ["unreadable_amount" if line.reason in of_an_amount else line.reason for line in lines]
    assert found.rejected == Counter(reason for reason in reasons if reason)
    accepted = {customer: line for customer, line in zip(customers, lines, strict=True) if not line.reason}
    assert {row["customer_id"]: (row["recency"], row["monetary_cents"]) for row in found.table.to_pylist()} == {
        customer: ((RUN_DATE - line.day).days if D(line.money) > 0 else None, int(100 * D(line.money)))
        for customer, line in accepted.items()
    }
