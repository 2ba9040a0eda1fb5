"""The commands as a user types them, in a process of their own."""

import json
import os
import subprocess
import sys
from datetime import timedelta

import pytest

from settings import PROJECT
from tests.warehouse.given_features import RUN_DATE, given_request, given_warehouse
from tests.workload.given_orders import given_order_lines, given_scored
from warehouse.duckdb import DuckDBWarehouse
from workload.publish import publish

LINES = [("[b]1", "ann", RUN_DATE, "5.00"), ("2", "ann", RUN_DATE - timedelta(days=9), "-2.00")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A shop that was scored once; `ann` has two orders."""
    folder = tmp_path_factory.mktemp("shop")
    path = folder / "warehouse.duckdb"
    warehouse = given_warehouse(path)
    given_order_lines(path, LINES)
    given_scored(warehouse, path, [("ann", 0, 1, "3.00")], given_request())
    (folder / "orders.csv").write_text("orders")
    return folder


def command(folder, name, **environment):
    places = {
        "WAREHOUSE_PATH": f"{folder}/warehouse.duckdb",
        "SOURCE_PATH": f"{folder}/orders.csv",
        "STACK_PATH": f"{folder}/stack",
        "COLUMNS": "80",
    }
    kept = {key: value for key, value in os.environ.items() if key not in ("RUN_DATE", "CUSTOMER", "TO", "RUN")}
    return subprocess.run(
        [sys.executable, "-m", "deployments.results", name],
        cwd=PROJECT,
        env=kept | places | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_explain_shows_orders_values_edges_scores_and_segment_in_80_columns(folder):
    done = command(folder, "explain", CUSTOMER="ann", RUN_DATE=str(RUN_DATE))
    assert (done.returncode, done.stderr) == (0, "")
    for said in ("[b]1", "-2.00", "monetary only", "monetary (money)", "3.00", "Scores 5-1-1: new", "quintile-2026"):
        assert said in done.stdout
    assert "have changed" not in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 80


@pytest.mark.parametrize(
    ("environment", "code", "said"),
    [
        ({"CUSTOMER": "nobody", "RUN_DATE": str(RUN_DATE)}, 1, "no such customer"),
        ({"CUSTOMER": "ann", "RUN_DATE": "2020-01-01"}, 1, "has not been scored"),
        ({"CUSTOMER": "ann", "RUN_DATE": "yesterday"}, 2, "a day such as"),
        ({"CUSTOMER": "ann"}, 2, "usage: make explain"),
    ],
)
def test_what_cannot_be_explained_is_said_with_an_exit_code(folder, environment, code, said):
    done = command(folder, "explain", **environment)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_export_goes_to_the_folder_that_is_named(folder, tmp_path):
    done = command(folder, "export", TO=f"{tmp_path}/out")
    assert done.returncode == 0, done.stderr
    assert "1 customers, this is the first scored date" in done.stdout
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["rows"] == {"segments": 1, "changes": 1}


def test_the_report_is_made_anew_of_what_was_published(folder, tmp_path):
    publish(DuckDBWarehouse(folder / "warehouse.duckdb", lock_wait=5), given_request(), tmp_path)
    page = tmp_path / "rfm" / str(RUN_DATE) / "report.html"
    done = command(folder, "report", PUBLISHED_PATH=str(tmp_path), REPORT_CURRENCY="EUR")

    assert (done.returncode, done.stdout.split()) == (0, ["Report", str(page)]), done.stderr
    assert "3.00 EUR" in page.read_text()


def test_a_report_that_cannot_be_made_is_said(folder, tmp_path):
    unpublished = command(folder, "report", PUBLISHED_PATH=str(tmp_path))
    unscored = command(folder, "report", PUBLISHED_PATH=str(tmp_path), RUN_DATE="2020-01-01")

    assert (unpublished.returncode, "has not been published" in unpublished.stderr) == (1, True)
    assert (unscored.returncode, "2020-01-01 has not been scored; the last day that was" in unscored.stderr) == (
        1,
        True,
    )


def test_recompute_lists_touched_dates_and_how_to_rerun_them(folder):
    path = folder / "warehouse.duckdb"
    assert "Every scored date is as the orders give it." in command(folder, "recompute").stdout
    given_order_lines(path, [*LINES, ("3", "bob", RUN_DATE, "1.00")])
    try:
        listed, asked = command(folder, "recompute"), command(folder, "recompute", RUN="1")
    finally:
        given_order_lines(path, LINES)
    assert listed.returncode == 0
    assert "2026-06-29   1 of 2 customers would have other values" in listed.stdout
    assert "FORCE=1 RUN_DATE=2026-06-29 make run" in listed.stdout
    assert (asked.returncode, "the stack is down" in asked.stderr) == (1, True)
