"""What the person who edits the SQL gets: a schema of their own, changes at once, and documentation."""

import json
import shutil
import threading
from collections import defaultdict
from datetime import date
from decimal import Decimal
from itertools import pairwise

import httpx
import pytest
from rich.console import Console

import workload.sql
from deployments.local.ports import LOOPBACK
from deployments.sql.docs import generate, server_of
from tests.dbt.conftest import Shop, making

D = Decimal
JUNE_30 = date(1998, 6, 30)


@pytest.fixture
def shop(tmp_path):
    """A shop of its own: its project is changed, and must not be in the cache of the others."""
    return Shop(tmp_path)


@pytest.fixture
def edited(monkeypatch, tmp_path):
    """A copy of the project, to be edited."""
    project = tmp_path / "dbt"
    shutil.copytree(workload.sql.DBT_PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    monkeypatch.setattr(workload.sql, "DBT_PROJECT", project)
    return project


@pytest.fixture
def make(monkeypatch, shop):
    def told():
        return {"WAREHOUSE_PATH": shop.warehouse, "STACK_PATH": shop.folder / "stack", "SOURCE_PATH": shop.orders}

    yield from making(monkeypatch, told)


def test_a_change_takes_effect_on_the_next_run_in_a_schema_of_ones_own(shop, edited, make, capsys):
    shop.deliver([("1", "a", JUNE_30, D(10))])
    assert make("run", RUN_DATE="1998-06-30", DBT_USER="anna") == 0
    said = capsys.readouterr().out
    assert "schema anna" in said
    assert "model     rfm_features\n" in said
    assert shop.query("select monetary, run_id from anna.rfm_features") == [(D(10), "by-hand-anna-1998-06-30")]
    assert shop.query("select run_id from anna.run_ledger") == [("by-hand-anna-1998-06-30",)]
    assert shop.query("select * from main.run_ledger") == []
    assert shop.query("select 1 from duckdb_tables() where schema_name = 'main' and table_name = 'rfm_features'") == []

    model = edited / "models" / "features" / "rfm_features_run.sql"
    model.write_text(model.read_text().replace('as_total("sum(amount)")', 'as_total("sum(2 * amount)")'))

    assert make("run", RUN_DATE="1998-06-30", DBT_USER="anna") == 1
    said = capsys.readouterr()
    assert "unit test a_refund_or_a_free_item_is_no_purchase" in said.out
    assert "Failed: run by-hand-anna-1998-06-30 published nothing" in said.err
    assert shop.query("select monetary from anna.rfm_features") == [(D(10),)]


def test_as_main_the_production_tables_are_built_and_a_full_refresh_leaves_only_its_date(shop, make):
    earlier = date(1998, 6, 23)
    shop.deliver([("1", "a", earlier, D(10))])
    shop.run(earlier)

    assert make("run", RUN_DATE="1998-06-30", DBT_USER="main") == 0
    by_run = "select run_date, run_id from main.rfm_features order by 1"
    by_hand = (JUNE_30, "by-hand-main-1998-06-30")
    assert shop.query(by_run) == [(earlier, "rfm-1998-06-23-1"), by_hand]
    assert shop.query("select run_id from main.run_ledger order by 1") == [(by_hand[1],), ("rfm-1998-06-23-1",)]

    assert make("run", RUN_DATE="1998-06-30", DBT_USER="main", FULL_REFRESH="1") == 0
    assert shop.query(by_run) == [by_hand]
    assert shop.query("select distinct schema_name from duckdb_tables()") == [("main",)]


def test_the_documentation_shows_the_whole_lineage_in_one_piece(shop):
    shop.deliver([("1", "a", JUNE_30, D(10))])
    folder = generate(shop.settings(), None)
    children = json.loads((folder / "manifest.json").read_text())["child_map"]
    for parent, child in pairwise(
        [
            "source.rfm.raw.orders",
            "model.rfm.order_lines",
            "model.rfm.stg_orders",
            "model.rfm.rfm_features_run",
            "model.rfm.rfm_features",
            "exposure.rfm.scoring",
            "source.rfm.workload.rfm_scores",
            "model.rfm.segment_summary",
            "exposure.rfm.published_results",
        ]
    ):
        assert child in children[parent], f"{parent} -> {child}"
    assert "source.rfm.workload.rfm_scores" in children["model.rfm.rfm_features"], "the pages draw this one"
    lineage = {name for name in children if name.split(".")[0] in ("source", "model", "exposure")}
    assert reached_from("source.rfm.raw.orders", children) == lineage
    assert "source.rfm.workload.rfm_scores" in json.loads((folder / "catalog.json").read_text())["sources"]


def reached_from(start, children):
    """Along the arrows and against them; tests are left out."""
    neighbours = defaultdict(set)
    for parent, found in children.items():
        for child in found:
            neighbours[parent].add(child)
            neighbours[child].add(parent)
    reached, waiting = set(), [start]
    while waiting:
        if (one := waiting.pop()) not in reached and not one.startswith(("test.", "unit_test.")):
            reached.add(one)
            waiting += neighbours[one]
    return reached


def test_the_documentation_is_served_on_another_port_when_the_wanted_is_taken(tmp_path, capsys):
    (tmp_path / "index.html").write_text("the pages")
    with server_of(tmp_path, 0, Console()) as first, server_of(tmp_path, first.server_port, Console()) as second:
        assert f"Port {first.server_port} is taken" in capsys.readouterr().out
        threading.Thread(target=second.handle_request).start()
        assert httpx.get(f"http://{LOOPBACK}:{second.server_port}/").text == "the pages"
        assert second.server_address[0] == LOOPBACK


@pytest.mark.parametrize("run_date", ["", "2026-02-30", "tomorrow"])
def test_without_a_day_nothing_is_built(shop, make, run_date):
    assert make("run", RUN_DATE=run_date) == 2
