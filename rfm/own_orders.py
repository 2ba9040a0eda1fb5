"""One's own orders as features, with plain Python: an orders file, no warehouse, no dbt.

Lines are read and judged as dbt/models do it; a test holds both to the same customers, to the cent.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from errors import Permanent
from rfm.edges import CountValues, Integers
from rfm.quarantine import FEATURES
from rfm.rule_set import Measure

DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
TIME = "[ T](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.][0-9]+)?)?"
ZONE = "(Z|[+-](?:(?:0[0-9]|1[0-3])(?::?[0-5][0-9])?|14(?::?00)?))"
READABLE = {
    "local": f"{DAY}({TIME})?",
    "with_zone": f"({DAY}{TIME}) *{ZONE}",
    "number": "[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?",
}
BLANKS = " \t\r\n"
SQL = Path(__file__).with_name("own_orders.sql")


class WrongOrders(Permanent):
    """The file cannot be read, or lacks a column. Says what is wrong, never what stands in a line."""


class UnknownZone(Permanent):
    """No time zone has this name."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What the file calls them. Without an order_id a line is an order."""

    customer_id: str = "customer_id"
    order_date: str = "order_date"
    amount: str = "amount"
    order_id: str | None = "order_id"


@dataclass(frozen=True, slots=True)
class OwnFeatures:
    """`table` has FEATURES, by customer; `rejected` says how many lines could not be used, by reason."""

    table: pa.Table
    lines: int
    rejected: Mapping[str, int]


DEFAULT_COLUMNS = Columns()


def read_features(
    path: Path, run_date: date, *, window_days: int, columns: Columns = DEFAULT_COLUMNS, timezone: str = "UTC"
) -> OwnFeatures:
    """Features of every customer with an order in the `window_days` days up to run_date, of a CSV or Parquet file.

    `timezone` says which day it is where a time has a zone. Raises WrongOrders and UnknownZone.
    """
    window = {"run_date": run_date, "window_start": run_date - timedelta(days=window_days)}
    try:
        with duckdb.connect() as memory:
            _set_zone(memory, timezone)
            _read_texts(memory, path, columns)
            lines, features = SQL.read_text(encoding="utf-8").split(";")[:2]
            memory.execute(lines, READABLE)
            counted = memory.execute("select reason, count(*) from lines group by 1 order by 1").fetchall()
            table = memory.sql(features, params=window).to_arrow_reader().read_all().cast(FEATURES)
    except duckdb.Error as wrong:
        raise WrongOrders(f"{path}: {_without_values(str(wrong))}") from None
    counts: dict[str | None, int] = dict(counted)
    rejected = {reason: count for reason, count in counts.items() if reason is not None}
    return OwnFeatures(table, sum(counts.values()), rejected)


def counting(features: pa.Table) -> CountValues:
    """Counts the values of features in memory, for rfm.fit: of those rows alone that rfm.quarantine lets pass."""

    def count(measure: Measure, *, width: int = 1, within: Sequence[int] | None = None) -> tuple[Integers, Integers]:
        column = "monetary_cents" if measure == "monetary" else measure
        values = features[column].to_numpy().astype(np.int64)
        if within is not None:
            values, width = values[np.isin(values // width, within)], 1
        return np.unique(values // width, return_counts=True)

    return count


def _set_zone(memory: duckdb.DuckDBPyConnection, timezone: str) -> None:
    try:
        memory.execute("set TimeZone = ?", [timezone])
    except duckdb.Error:
        raise UnknownZone(f"{timezone!r} is no time zone; one of the IANA names is needed, such as UTC") from None


def _read_texts(memory: duckdb.DuckDBPyConnection, path: Path, columns: Columns) -> None:
    """The four columns as text, in the temporary table texts."""
    is_parquet = _is_parquet(path)
    escaped = re.sub(r"([*?\[])", r"[\1]", str(path))  # DuckDB takes these for a pattern
    source = memory.read_parquet(escaped) if is_parquet else memory.read_csv(escaped, header=True, all_varchar=True)
    found = {name.lower(): str(kind) for name, kind in zip(source.columns, source.types, strict=True)}
    wanted = [columns.customer_id, columns.order_date, columns.amount, columns.order_id]
    missing = [name for name in wanted if name and name.lower() not in found]
    if missing:
        raise WrongOrders(f"{path} has no column {', '.join(missing)}; it has {', '.join(source.columns)}")
    order_id = _id(columns.order_id, found) if columns.order_id else "cast(row_number() over () as varchar)"
    texts = {
        "order_id": order_id,
        "customer_id": _id(columns.customer_id, found),
        "day": _text(columns.order_date),
        "amount_text": _text(columns.amount),
    }
    source.project(", ".join(f"{text} as {name}" for name, text in texts.items())).to_table("texts")


def _is_parquet(path: Path) -> bool:
    try:
        if not path.is_file():
            raise WrongOrders(f"{path} is no file")
        with path.open("rb") as opened:
            return opened.read(4) == b"PAR1"
    except OSError as error:
        raise WrongOrders(f"{path} cannot be read: {error.strerror}") from None


def _text(column: str) -> str:
    quoted = column.replace('"', '""')
    return f"trim(cast(\"{quoted}\" as varchar), '{BLANKS}')"


def _id(column: str, found: Mapping[str, str]) -> str:
    """Ids keep their blanks, but one of nothing else is none; whole numbers stored as floats lose their .0"""
    quoted = column.replace('"', '""')
    text = f'cast("{quoted}" as varchar)'
    if found[column.lower()] in ("DOUBLE", "FLOAT"):
        text = f"regexp_replace(nullif({text}, 'nan'), '[.]0$', '')"
    return f"case when trim({text}, '{BLANKS}') <> '' then {text} end"


def _without_values(message: str) -> str:
    """DuckDB quotes the line that it could not read."""
    line = re.search(r"CSV Error on Line: (\d+)", message)
    if line:
        return f"line {line[1]} is not as the first line says; mend or remove it"
    return "cannot be read as CSV or Parquet"
