"""What the person who edits the SQL gets: a schema of their own, changes at once, and documentation."""

import json
import shutil
import sys
import threading
from datetime import date
from decimal import Decimal

import httpx
import pytest
from rich.console import Console

import workload.sql
from deployments.local.ports import LOOPBACK
from deployments.sql.__main__ import main
from deployments.sql.docs import generate, server_of
from settings import get_settings
from tests.dbt.conftest import Shop

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
    def run(target, **environment):
        told = {"WAREHOUSE_PATH": shop.warehouse, "STACK_PATH": shop.folder / "stack", "SOURCE_PATH": shop.orders}
        for name, value in {**told, **environment}.items():
            monkeypatch.setenv(name, str(value))
        monkeypatch.setattr(sys, "argv", ["deployments.sql", target])
        get_settings.cache_clear()
        return main()

    yield run
    get_settings.cache_clear()


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


def test_the_documentation_shows_the_whole_lineage(shop):
    shop.deliver([("1", "a", JUNE_30, D(10))])
    folder = generate(shop.settings(), None)
    documented = json.loads((folder / "manifest.json").read_text())
    assert "exposure.rfm.scoring" in documented["child_map"]["model.rfm.rfm_features"]
    assert "model.rfm.segment_summary" in documented["child_map"]["source.rfm.workload.rfm_scores"]
    assert "source.rfm.workload.rfm_scores" in json.loads((folder / "catalog.json").read_text())["sources"]


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
