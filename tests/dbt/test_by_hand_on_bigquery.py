"""What the person who edits the SQL gets on BigQuery: a dataset of their own, freshness, and documentation."""

import json
from datetime import date
from decimal import Decimal

import pytest

from deployments.sql import docs
from deployments.sql.docs import generate
from tests.dbt.bigquery_shop import BigQueryShop, orders
from tests.dbt.conftest import making
from workload.features import by_hand_variables
from workload.sql import invoke, parse

D = Decimal
JUNE_30 = date(1998, 6, 30)


@pytest.fixture
def shop(stand_in, tmp_path):
    shop = BigQueryShop(stand_in, tmp_path)
    shop.deliver(orders(("1", "a", date(1998, 6, 15), D(10)), ("2", "a", date(1998, 7, 1), D(10))))
    return shop


@pytest.fixture
def make(monkeypatch, shop):
    def told():
        warehouse = shop.settings.warehouse
        return {
            "WAREHOUSE_KIND": "bigquery",
            "WAREHOUSE_PROJECT": warehouse.project,
            "WAREHOUSE_DATASET": warehouse.dataset,
            "WAREHOUSE_ENDPOINT": warehouse.endpoint,
            "WAREHOUSE_STORAGE_ENDPOINT": warehouse.storage_endpoint,
            "SOURCE_TABLE": f"{shop.raw}.orders",
            "STACK_PATH": shop.folder / "stack",
        }

    yield from making(monkeypatch, told)


def test_a_build_by_hand_goes_to_a_dataset_of_ones_own(shop, make, capsys):
    assert make("run", RUN_DATE="1998-06-30", DBT_USER="anna") == 0

    said = capsys.readouterr().out
    own = f"{shop.place.dataset}_anna"
    assert "Unit tests are left out" in said
    assert "model     rfm_features\n" in said
    written = "by-hand-anna-1998-06-30"
    assert shop.rows(f"select customer_id, monetary, run_id from {own}.rfm_features") == [("a", D(10), written)]
    assert shop.rows(f"select run_id, step from {own}.run_ledger") == [(written, "features")]
    assert shop.rows("select * from run_ledger") == []


def test_as_main_the_production_tables_are_built_and_a_full_refresh_leaves_only_its_date(shop, make):
    earlier = date(1998, 6, 23)
    shop.run(earlier)

    assert make("run", RUN_DATE="1998-06-30", DBT_USER="main") == 0
    by_run = "select run_date, run_id from rfm_features order by 1"
    by_hand = (JUNE_30, "by-hand-main-1998-06-30")
    assert shop.rows(by_run) == [(earlier, "rfm-1998-06-23-1"), by_hand]
    assert shop.rows("select run_id from run_ledger order by 1") == [(by_hand[1],), ("rfm-1998-06-23-1",)]

    assert make("run", RUN_DATE="1998-06-30", DBT_USER="main", FULL_REFRESH="1") == 0
    assert shop.rows(by_run) == [by_hand]


def test_orders_are_fresh_as_of_run_date_and_never_of_the_clock(shop):
    variables = by_hand_variables(JUNE_30, shop.options())
    folder = shop.folder / "stack" / "dbt"
    parsed = parse(variables, folder, "bigquery")
    for newest, status in ((date(1998, 6, 15), "warn"), (date(1998, 6, 16), "pass")):
        shop.deliver(orders(("1", "a", newest, D(10)), ("2", "a", date(1998, 7, 1), D(10))))
        done = invoke(["source", "freshness"], parsed, variables, folder / "by hand", target="bigquery")
        *_, found = done.result.results
        assert (found.node.name, str(found.status)) == ("orders", status)


def test_the_documentation_shows_the_lineage_and_the_sql_of_bigquery(shop, monkeypatch):
    """The stand-in has no INFORMATION_SCHEMA, where dbt looks for the columns' types: the catalog stays empty."""
    monkeypatch.setattr(docs, "invoke", lambda words, *rest, **more: invoke([*words, "--empty-catalog"], *rest, **more))

    folder = generate(shop.options(), None)

    documented = json.loads((folder / "manifest.json").read_text())
    assert "source.rfm.workload.rfm_scores" in documented["child_map"]["exposure.rfm.scoring"]
    assert "safe_cast" in documented["nodes"]["model.rfm.order_lines"]["compiled_code"]
