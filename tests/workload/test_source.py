"""A wrong orders file or setting is said before any SQL runs, with what to change."""

from datetime import UTC, datetime

import duckdb
import pytest

from settings import Source
from warehouse.orders_table import OrdersTable
from workload.source import WrongSource, check_source, check_table

GOOD = "order_id,customer_id,order_date,amount\n1,a,1998-06-30,5\n"


def written(tmp_path, content, name="orders.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def parquet(tmp_path, select):
    path = tmp_path / "orders.parquet"
    duckdb.sql(f"copy ({select}) to '{path}' (format parquet)")
    return path


def refusal(path, **columns):
    with pytest.raises(WrongSource) as error:
        check_source(Source(path=path, **columns))
    assert str(path) in str(error.value)
    return str(error.value)


def test_a_file_that_is_not_there_is_said_with_the_setting_to_change(tmp_path):
    text = refusal(tmp_path / "nothing.csv")
    assert "does not exist" in text
    assert "SOURCE_PATH" in text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("order_id,customer_id,order_date,amount\n", "holds no orders"),
        ("order_id,customer_id,order_date,amount\n\n\n", "holds no orders"),
        (b"\xff\xfe\x00bin\x80ary", "neither Parquet nor CSV text in UTF-8"),
        (b"PAR1 and then nothing", "not a whole Parquet file"),
        ("order_id,Amount,customer_id,order_date,amount\n1,2,3,4,5\n", "names a column twice"),
    ],
)
def test_a_file_that_cannot_hold_orders_is_refused(tmp_path, content, said):
    assert said in refusal(written(tmp_path, content))


def test_a_directory_is_refused(tmp_path):
    assert "is a directory" in refusal(tmp_path)


def test_a_parquet_file_without_rows_is_refused(tmp_path):
    path = parquet(tmp_path, "select 1 as order_id, 'a' as customer_id, today() as order_date, 1 as amount limit 0")
    assert "holds no orders" in refusal(path)


@pytest.mark.parametrize("setting", ["customer_id_column", "order_date_column", "amount_column", "order_id_column"])
def test_a_missing_column_is_named_with_those_that_are_there(tmp_path, setting):
    text = refusal(written(tmp_path, GOOD), **{setting: "misspelt"})
    assert "no column 'misspelt'" in text
    assert "order_id, customer_id, order_date, amount" in text
    assert f"Set SOURCE_{setting.upper()}" in text


@pytest.mark.parametrize(
    ("select", "said"),
    [
        ("select 1 as order_id, 'a' as customer_id, 19980630 as order_date, 1 as amount", "'order_date'.*INTEGER"),
        ("select 1 as order_id, 'a' as customer_id, date '1998-06-30' as order_date, true as amount", "'amount'.*BOOL"),
        ("select 1 as order_id, ['a'] as customer_id, date '1998-06-30' as order_date, 1 as amount", "'customer_id'"),
    ],
)
def test_a_column_of_the_wrong_type_is_refused(tmp_path, select, said):
    with pytest.raises(WrongSource, match=said):
        check_source(Source(path=parquet(tmp_path, select)))


def test_csv_columns_are_found_whatever_separates_and_spells_them(tmp_path):
    path = written(tmp_path, "\ufeffOrder_ID;Customer_ID; order_date ;AMOUNT;\r\n1;a;1998-06-30;5;x\r\n")
    file = check_source(Source(path=path))
    assert (file.format, file.delimiter) == ("csv", ";")
    assert list(file.columns) == ["Order_ID", "Customer_ID", "order_date", "AMOUNT", "column 5"]


def test_parquet_is_known_by_its_content_and_needs_no_order_ids(tmp_path):
    path = parquet(tmp_path, "select 1 as customer_id, now() as order_date, 1.5 as amount").rename(tmp_path / "orders")
    file = check_source(Source(path=path, order_id_column=""))
    assert file.format == "parquet"
    assert file.columns["order_date"] == "TIMESTAMP WITH TIME ZONE"


COLUMNS = {"order_id": "STRING", "customer_id": "STRING", "order_date": "TIMESTAMP", "amount": "NUMERIC"}


def table_of(columns, has_rows=True):
    return OrdersTable("shop", "raw", "orders", columns, has_rows, datetime(2024, 3, 1, tzinfo=UTC))


def test_a_table_of_orders_is_accepted_whatever_the_case_of_its_columns():
    table = table_of({name.upper(): kind for name, kind in COLUMNS.items()})
    assert check_table(table, Source()) is table


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (None, "orders table raw.orders does not exist, or may not be seen; set SOURCE_TABLE"),
        (table_of({**COLUMNS, "amount": "BOOLEAN"}), "'amount' of orders table shop.raw.orders is BOOLEAN"),
        (table_of({**COLUMNS, "order_date": "INTEGER"}), "'order_date' .* a date, timestamp or text is needed"),
        (table_of({**COLUMNS, "customer_id": "RECORD"}), "'customer_id' .* a plain value is needed"),
        (table_of({"client": "STRING", **{k: v for k, v in COLUMNS.items() if k != "customer_id"}}), "'customer_id'"),
        (table_of(COLUMNS, has_rows=False), "holds no orders"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_in_the_users_words(table, said):
    with pytest.raises(WrongSource, match=said):
        check_table(table, Source())
