"""The user's orders, looked at before any SQL runs, so that a wrong setting is said in the user's words."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from errors import Permanent
from settings import Source
from warehouse.orders_table import OrdersTable

PARQUET_MAGIC = b"PAR1"
DELIMITERS = ",;\t|"
HEADER_LIMIT = 1_000_000
"""Bytes in which the first line of a CSV file must end."""
DATES = ("DATE", "TIMESTAMP", "VARCHAR")
INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
NUMBERS = (*INTEGERS, *(f"U{name}" for name in INTEGERS), "DECIMAL", "FLOAT", "DOUBLE", "VARCHAR")
NESTED = ("STRUCT", "MAP", "UNION", "LIST", "[", "RECORD", "JSON", "GEOGRAPHY")
BIGQUERY_DATES = ("DATE", "TIMESTAMP", "STRING")
BIGQUERY_NUMBERS = ("INTEGER", "FLOAT", "NUMERIC", "BIGNUMERIC", "STRING")


class WrongSource(Permanent):
    """The orders file cannot be used as it is, or as the settings describe it. Nothing was read or written."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """An orders file that can be read. `columns` are names and DuckDB types; all text in a CSV file."""

    path: Path
    format: Literal["csv", "parquet"]
    columns: Mapping[str, str]
    delimiter: str = field(default=",")


Orders = SourceFile | OrdersTable


def check_source(source: Source) -> SourceFile:
    """Opens the file and finds every column that the settings name. Raises WrongSource."""
    file = _read_head(source.path)
    for setting, name in _wanted(source).items():
        _require_column(file, setting, name)
    _require_type(file, "SOURCE_CUSTOMER_ID_COLUMN", source.customer_id_column, None)
    _require_type(file, "SOURCE_ORDER_DATE_COLUMN", source.order_date_column, DATES)
    _require_type(file, "SOURCE_AMOUNT_COLUMN", source.amount_column, NUMBERS)
    return file


def check_table(table: OrdersTable | None, source: Source) -> OrdersTable:
    """Finds every column that the settings name in the table of orders. Raises WrongSource."""
    if table is None:
        raise WrongSource(f"orders table {source.table} does not exist, or may not be seen; set SOURCE_TABLE to yours")
    for setting, name in _wanted(source).items():
        _require_column(table, setting, name)
    _require_type(table, "SOURCE_CUSTOMER_ID_COLUMN", source.customer_id_column, None)
    _require_type(table, "SOURCE_ORDER_DATE_COLUMN", source.order_date_column, BIGQUERY_DATES)
    _require_type(table, "SOURCE_AMOUNT_COLUMN", source.amount_column, BIGQUERY_NUMBERS)
    if not table.has_rows:
        raise WrongSource(f"{_called(table)} holds no orders, only columns")
    return table


def _called(orders: Orders) -> str:
    return f"orders file {orders.path}" if isinstance(orders, SourceFile) else f"orders table {orders}"


def _wanted(source: Source) -> dict[str, str]:
    wanted = {
        "SOURCE_CUSTOMER_ID_COLUMN": source.customer_id_column,
        "SOURCE_ORDER_DATE_COLUMN": source.order_date_column,
        "SOURCE_AMOUNT_COLUMN": source.amount_column,
    }
    if source.order_id_column:
        wanted["SOURCE_ORDER_ID_COLUMN"] = source.order_id_column
    return wanted


def _read_head(path: Path) -> SourceFile:
    change = "set SOURCE_PATH (or run with ORDERS=path) to your CSV or Parquet file"
    if path.is_dir():
        raise WrongSource(f"orders file {path} is a directory; {change}")
    try:
        with path.open("rb") as opened:
            magic = opened.read(len(PARQUET_MAGIC))
    except FileNotFoundError:
        raise WrongSource(f"orders file {path} does not exist; {change}") from None
    except OSError as error:
        raise WrongSource(f"orders file {path} cannot be read ({error.strerror}); {change}") from None
    if not magic:
        raise WrongSource(f"orders file {path} is empty; {change}")
    return _read_parquet_head(path) if magic == PARQUET_MAGIC else _read_csv_head(path)


def _read_parquet_head(path: Path) -> SourceFile:
    import duckdb

    with duckdb.connect() as memory:
        try:
            described = memory.execute("describe select * from read_parquet(?)", [str(path)]).fetchall()
            rows = memory.execute("select count(*) from read_parquet(?)", [str(path)]).fetchall()
        except duckdb.Error as error:
            raise WrongSource(f"orders file {path} is not a whole Parquet file ({type(error).__name__})") from None
    if rows == [(0,)]:
        raise WrongSource(f"orders file {path} holds no orders, only column names")
    return SourceFile(path, "parquet", {name: kind for name, kind, *_ in described})


def _read_csv_head(path: Path) -> SourceFile:
    try:
        with path.open(encoding="utf-8-sig", newline="") as opened:
            header = opened.readline(HEADER_LIMIT)
            has_rows = any(line.strip() for line in opened)
    except UnicodeDecodeError:
        raise WrongSource(f"orders file {path} is neither Parquet nor CSV text in UTF-8") from None
    delimiter = max(DELIMITERS, key=header.count)
    names = [name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])]
    columns = [name or f"column {position}" for position, name in enumerate(names, start=1)]
    twice = [name for name, times in Counter(name.lower() for name in columns).items() if times > 1]
    if twice:
        raise WrongSource(f"orders file {path} names a column twice in its first line: {', '.join(twice)}")
    if not has_rows:
        raise WrongSource(f"orders file {path} holds no orders, only column names")
    return SourceFile(path, "csv", dict.fromkeys(columns, "VARCHAR"), delimiter)


def _find(columns: Sequence[str], name: str) -> str | None:
    """The column as the file spells it: upper and lower case are the same to SQL."""
    return next((column for column in columns if column.lower() == name.lower()), None)


def _require_column(file: Orders, setting: str, name: str) -> None:
    if _find(list(file.columns), name) is None:
        raise WrongSource(
            f"{_called(file)} has no column {name!r}; it has {', '.join(file.columns)}."
            f" Set {setting} to the right one" + (", or to nothing" if setting == "SOURCE_ORDER_ID_COLUMN" else "")
        )


def _require_type(file: Orders, setting: str, name: str, allowed: Sequence[str] | None) -> None:
    kind = file.columns[_find(list(file.columns), name) or name]
    nested = any(word in kind for word in NESTED)
    if nested or (allowed is not None and not kind.startswith(tuple(allowed))):
        wanted = (
            "a plain value" if allowed is None else "a date, timestamp or text" if "DATE" in allowed else "a number"
        )
        raise WrongSource(
            f"column {name!r} of {_called(file)} is {kind}, but {wanted} is needed. Set {setting} to another"
        )
