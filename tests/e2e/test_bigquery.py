"""`make run` with its warehouse on BigQuery's stand-in ends confirmed, in the segments that it has on DuckDB."""

import subprocess
import sys
from datetime import timedelta
from decimal import Decimal

import pyarrow.parquet as pq
import pytest

from deployments.local.private import private_environment
from settings import PROJECT
from tests.dbt.bigquery_shop import BigQueryShop, orders
from tests.e2e.local_stack import TODAY, UNSCHEDULED

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
SOME_ORDERS = orders(
    *(
        (f"{customer}-{order}", f"c{customer:03}", TODAY - timedelta(days=(customer * 7 + order * 31) % 300), amount)
        for customer in range(100)
        for order in range(1 + customer % 5)
        for amount in [Decimal((customer * 37 + order * 11) % 500 + 1)]
    )
)


def make_run(folder, **settings):
    """As a user gives it, with all its files in the folder; what it published."""
    folder.mkdir(exist_ok=True)
    pq.write_table(SOME_ORDERS, folder / "orders.parquet")
    environment = private_environment(folder, folder / "orders.parquet", **UNSCHEDULED, **settings)
    local = [sys.executable, "-m", "deployments.local"]
    try:
        done = subprocess.run(
            [*local, "run"],
            cwd=PROJECT,
            env={**environment, "RUN_DATE": str(TODAY)},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=400,
        )
    finally:  # killed when it takes too long, it leaves its stack
        subprocess.run([*local, "down"], cwd=PROJECT, env=environment, check=True, timeout=90)
    assert done.returncode == 0, done.stdout
    day = folder / "published" / "rfm" / str(TODAY)
    assert (day / "report.html").exists(), done.stdout
    return (day / "segments.csv").read_text(), done.stdout


def test_a_run_on_bigquery_ends_in_the_same_segments(stand_in, tmp_path):
    shop = BigQueryShop(stand_in, tmp_path)
    shop.deliver(SOME_ORDERS)
    warehouse = shop.settings.warehouse

    segments, said = make_run(
        tmp_path / "here",
        WAREHOUSE_KIND="bigquery",
        WAREHOUSE_PROJECT=warehouse.project,
        WAREHOUSE_DATASET=warehouse.dataset,
        WAREHOUSE_ENDPOINT=warehouse.endpoint,
        WAREHOUSE_STORAGE_ENDPOINT=warehouse.storage_endpoint,
        SOURCE_TABLE=f"{shop.raw}.orders",
    )

    assert f"Orders       {warehouse.project}.{shop.raw}.orders" in said
    [(scored,)] = shop.rows(f"select count(*) from rfm_scores where run_date = date '{TODAY}'")
    assert scored == 100
    there, _ = make_run(tmp_path / "there")
    assert segments == there
    assert "\nchampions," in segments
