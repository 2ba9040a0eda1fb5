"""`python -m rfm score`: the model alone gives every customer what a run gives, to the cent."""

import csv
import os
import re
from datetime import date
from pathlib import Path

import duckdb
import pytest

from deployments.demo_data import LAST_ORDER_DATE, DemoDataUnreachable, fetch
from rfm.__main__ import main
from rfm.read_rules import rules_named
from settings import PROJECT
from tests.dbt.conftest import request_for
from tests.dbt.test_reading import BAD_CSV
from warehouse.duckdb import DuckDBWarehouse
from workload.score import score

COLUMNS = "customer_id, run_date, recency, frequency, monetary, r_score, f_score, m_score, segment, model_id"
UNREADABLE = Path("/proc/self/mem")
"""Reading its first bytes is an error of the system, as on a disk that fails, for whomever."""
BAD_NAMES = ["--order-id", "order no", "--customer-id", 'Customer\'s "Id"', "--order-date", "Day", "--amount", "Worth"]


def scored_by_a_run(shop, run_date):
    shop.run(run_date)
    request = request_for(run_date).model_copy(update={"step": "scoring"})
    score(DuckDBWarehouse(shop.warehouse, lock_wait=5), request, rules_named("quintile"), window_days=720)
    return shop.query(f"select {COLUMNS} from rfm_scores where run_date = ? order by customer_id", run_date)


@pytest.fixture(scope="module")
def demo_orders():
    path = PROJECT / "data" / "raw" / "orders.parquet"
    try:
        fetch(path)
    except DemoDataUnreachable as unreachable:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(unreachable))
    return path


def test_the_demo_customers_get_the_scores_of_a_run(shop, demo_orders, tmp_path):
    output = tmp_path / "scores.parquet"
    assert main(["score", str(demo_orders), "--run-date", str(LAST_ORDER_DATE), "--output", str(output)]) == 0

    shop.orders = demo_orders
    expected = scored_by_a_run(shop, LAST_ORDER_DATE)

    assert len(expected) == 23502
    assert duckdb.sql(f"select * from '{output}'").fetchall() == expected


def test_odd_lines_are_read_and_refused_as_a_run_does(shop, tmp_path, capsys):
    shop.deliver_text(BAD_CSV)
    shop.source = {
        "order_id_column": "order no",
        "customer_id_column": 'Customer\'s "Id"',
        "order_date_column": "Day",
        "amount_column": "Worth",
    }
    expected = scored_by_a_run(shop, date(1998, 6, 30))

    output = tmp_path / "scores.csv"
    assert main(["score", str(shop.orders), "--run-date", "1998-06-30", "--output", str(output), *BAD_NAMES]) == 0

    with output.open() as file:
        rows = [tuple(row.values()) for row in csv.DictReader(file)]
    assert rows == [tuple(str(value) for value in row) for row in expected]
    rejected = shop.query("select count(*) from rejected_orders")[0][0]
    told = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("Lines not used"))
    assert sum(int(part.split()[0]) for part in told.split(": ")[1].split(", ")) == rejected


@pytest.mark.parametrize(
    ("orders", "more", "said"),
    [
        (None, [], "is no file"),
        ("a,b\n1,2\n", [], "has no column customer_id, order_date, amount, order_id; it has a, b"),
        ("order_id,customer_id,order_date,amount\n1,a,1990-01-01,5\n", [], "no customer has an order of more than 0"),
        ("order_id,customer_id,order_date,amount\n", [], "no customer has an order"),
        (
            "order_id,customer_id,order_date,amount\n1,a,2026-01-01,5\n",
            ["--rules", "no.yaml"],
            "no.yaml: cannot be read",
        ),
        (
            "order_id,customer_id,order_date,amount\n1,a,2026-01-01,5\n",
            ["--timezone", "Europe/Atlantis"],
            "Failed: 'Europe/Atlantis' is no time zone; one of the IANA names is needed",
        ),
    ],
)
def test_what_cannot_be_scored_is_said_and_nothing_is_written(tmp_path, capsys, orders, more, said):
    path, output = tmp_path / "orders.csv", tmp_path / "scores.csv"
    if orders is not None:
        path.write_text(orders)

    assert main(["score", str(path), "--run-date", "2026-01-01", "--output", str(output), *more]) == 1

    assert said in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir() if file != path] == []


@pytest.mark.skipif(not UNREADABLE.exists(), reason="only Linux has a file that refuses its first bytes")
def test_an_orders_file_that_cannot_be_read_is_what_is_named(tmp_path, capsys):
    output = tmp_path / "scores.csv"
    assert main(["score", str(UNREADABLE), "--run-date", "2026-01-01", "--output", str(output)]) == 1

    assert f"Failed: {UNREADABLE} cannot be read: Input/output error" in capsys.readouterr().err


def test_an_output_that_cannot_be_written_is_what_is_named(tmp_path, capsys):
    orders, output = tmp_path / "orders.csv", tmp_path / "nowhere" / "scores.csv"
    orders.write_text("order_id,customer_id,order_date,amount\n1,a,2026-01-01,5\n")
    assert main(["score", str(orders), "--run-date", "2026-01-01", "--output", str(output)]) == 1

    assert f"Failed: {output} cannot be written: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong", [["--run-date", "30/6/1998"], ["--run-date", "1998-06-30", "--output", "scores.xls"], []]
)
def test_a_wrong_command_line_is_said(tmp_path, wrong):
    with pytest.raises(SystemExit) as ended:
        main(["score", str(tmp_path / "orders.csv"), *wrong])
    assert ended.value.code == 2


def test_the_progress_is_shown_beside_the_result(tmp_path, capsys):
    orders, output = tmp_path / "orders.csv", tmp_path / "scores.csv"
    orders.write_text("customer_id,order_date,amount\na,2026-01-01,5\na,2026-01-01,5\nb,2025-12-01,7\n")
    assert main(["score", str(orders), "--run-date", "2026-01-01", "--output", str(output), "--order-id", ""]) == 0

    shown = capsys.readouterr()
    assert re.search(r"Orders .* 3/3\s*\nCustomers .* 2/2", shown.err)
    assert "3/3" not in shown.out


def test_own_rules_and_orders_without_ids(tmp_path):
    orders, output, rules = tmp_path / "orders.csv", tmp_path / "scores.csv", tmp_path / "mine.yaml"
    orders.write_text("customer_id,order_date,amount\na,2026-01-01,5\na,2026-01-01,5\nb,2025-12-01,7\n")
    rules.write_text((PROJECT / "rfm/rules/tercile.yaml").read_text().replace("name: tercile", "name: mine"))

    command = ["score", str(orders), "--run-date", "2026-01-01", "--output", str(output)]
    assert main([*command, "--order-id", "", "--rules", str(rules)]) == 0

    with output.open() as file:
        rows = {row["customer_id"]: row for row in csv.DictReader(file)}
    assert (rows["a"]["frequency"], rows["a"]["monetary"], rows["b"]["recency"]) == ("2", "10.00", "31")
    assert rows["a"]["model_id"].startswith("mine-2026-01-01-")


@pytest.mark.parametrize("customer", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_an_id_that_a_spreadsheet_would_execute_is_text_in_csv_and_exact_in_parquet(tmp_path, customer):
    orders = tmp_path / "orders.csv"
    orders.write_text(f"order_id,customer_id,order_date,amount\n1,{customer},2026-01-01,5\n")

    for output in (tmp_path / "scores.csv", tmp_path / "scores.parquet"):
        assert main(["score", str(orders), "--run-date", "2026-01-01", "--output", str(output)]) == 0

    with (tmp_path / "scores.csv").open() as file:
        assert [row["customer_id"] for row in csv.DictReader(file)] == [f"'{customer}"]
    assert duckdb.sql(f"select customer_id from '{tmp_path / 'scores.parquet'}'").fetchall() == [(customer,)]
