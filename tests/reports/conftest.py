"""The demo shop's report, made once for all tests of it."""

import pytest

from deployments.demo_data import fetch
from reports.page import page_of
from tests.reports.given_shop import LAST, given_scored_shop
from workload.figures import Looks, report_of


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    fetch(folder / "orders.parquet")
    return given_scored_shop(folder / "warehouse.duckdb", folder / "orders.parquet")


@pytest.fixture(scope="session")
def report(shop):
    return report_of(shop, f"rfm-{LAST}-1", Looks(currency="USD"))


@pytest.fixture(scope="session")
def page_file(report, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page_of(report), encoding="utf-8")
    return path
