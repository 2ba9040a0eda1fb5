from datetime import date

import pyarrow as pa
import pyarrow.parquet
import pytest

from deployments.local.orders import NoOrderDate, last_order_date
from settings import Source
from workload.source import check_source

TODAY = date(2026, 11, 23)


def last(path, **columns) -> date:
    source = Source(path=path, order_id_column="", **columns)
    return last_order_date(source, check_source(source), TODAY)


def test_the_last_date_of_a_csv_file_whatever_else_stands_in_it(tmp_path):
    rows = ["c1;2026-01-05;1", "c2;2026-03-01 23:59:59;1", "c3;soon;1", "c4;;1", "c5;2099-01-01;1"]
    (tmp_path / "orders.csv").write_text("\n".join(['customer_id;"when ""it"" was";amount', *rows]))

    assert last(tmp_path / "orders.csv", order_date_column='when "it" was') == date(2026, 3, 1)


def test_the_last_date_of_a_parquet_file(tmp_path):
    days = pa.array([date(2026, 1, 5), date(2026, 2, 7), None], pa.date32())
    table = pa.table({"customer_id": ["a", "b", "c"], "order_date": days, "amount": [1.0, 2.0, 3.0]})
    pyarrow.parquet.write_table(table, tmp_path / "orders.parquet")

    assert last(tmp_path / "orders.parquet") == date(2026, 2, 7)


def test_no_readable_date_is_said(tmp_path):
    (tmp_path / "orders.csv").write_text("customer_id,order_date,amount\nc1,soon,1\n")

    with pytest.raises(NoOrderDate, match="RUN_DATE"):
        last(tmp_path / "orders.csv")
