"""Real dbt against a DuckDB file. The file's path stays the same for all tests, so that dbt parses only once."""

import json
import shutil
import sys
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from deployments.sql.__main__ import main
from messenger.contract import RunRequest, run_id_of
from settings import Dbt, Model, Settings, Source, Stack, Warehouse, get_settings
from tests.stores import stand_in  # noqa: F401
from warehouse.duckdb import DuckDBWarehouse
from workload.features import build_features
from workload.sql import bare, require_published

DEFAULT_COLUMNS = {"order_id": "varchar", "customer_id": "varchar", "order_date": "date", "amount": "decimal(18, 2)"}


def request_for(run_date, attempt=1, step="features"):
    now = datetime.now(UTC)
    return RunRequest(
        run_id=run_id_of("rfm", run_date, attempt),
        pipeline="rfm",
        step=step,
        run_date=run_date,
        attempt=attempt,
        requested_by="test",
        requested_at=now,
        deadline=now + timedelta(hours=1),
    )


class Shop:
    """A user with an orders file, and the warehouse their features go to."""

    def __init__(self, folder):
        self.folder = folder
        self.warehouse = folder / "warehouse.duckdb"
        self.orders = folder / "orders.parquet"
        self.source = {}
        DuckDBWarehouse(self.warehouse, lock_wait=5).prepare()

    def query(self, sql, *values):
        # fails when dbt still holds the file: its connection has other options than this one
        with duckdb.connect(self.warehouse) as connection:
            return connection.execute(sql, list(values)).fetchall()

    def deliver(self, rows, columns=DEFAULT_COLUMNS):
        """Writes the rows as a Parquet file with these column types."""
        self.orders = self.folder / "orders.parquet"
        typed = ", ".join(f"cast(unnest(${place}) as {kind}) as {name}" for place, (name, kind) in _places(columns))
        values = [list(column) for column in zip(*rows, strict=True)]
        with duckdb.connect() as memory:
            memory.execute("set TimeZone = 'UTC'")
            memory.execute(f"create table delivered as select {typed}", values)
            memory.execute(f"copy delivered to '{self.orders}' (format parquet)")

    def deliver_text(self, text, name="orders.csv"):
        self.orders = self.folder / name
        self.orders.write_text(text)

    def settings(self, window_days=720, user="main"):
        return Settings(
            source=Source(**{"path": self.orders, "max_rejected": 1, **self.source}),
            model=Model(window_days=window_days),
            warehouse=Warehouse(path=self.warehouse, lock_wait=1),
            dbt=Dbt(user=user),
            stack=Stack(path=self.folder / "stack"),
        )

    def build(self, run_date, attempt=1, window_days=720, by=bare):
        settings = self.settings(window_days)
        return build_features(request_for(run_date, attempt), settings, flow_run_id="a flow run", by=by)

    def run(self, run_date, attempt=1, window_days=720):
        """Builds and publishes, and returns the facts of the ledger."""
        require_published(self.build(run_date, attempt, window_days))
        ((facts,),) = self.query(
            "select facts from run_ledger where run_id = ? and step = 'features'", run_id_of("rfm", run_date, attempt)
        )
        return json.loads(facts)

    def features(self, run_date):
        return self.query(
            "select customer_id, recency, frequency, monetary from rfm_features where run_date = ? order by 1", run_date
        )


def _places(columns):
    return enumerate(columns.items(), start=1)


def making(monkeypatch, told):
    """Gives what `make dbt-run` and `make docs` call, with the settings that `told` gives at that time."""

    def run(target, **environment):
        for name, value in {**told(), **environment}.items():
            monkeypatch.setenv(name, str(value))
        monkeypatch.setattr(sys, "argv", ["deployments.sql", target])
        get_settings.cache_clear()
        return main()

    yield run
    get_settings.cache_clear()


@pytest.fixture(scope="session")
def shop_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("shop")


@pytest.fixture
def shop(shop_folder):
    for left in [*shop_folder.glob("orders*"), *shop_folder.glob("warehouse.duckdb*")]:
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    return Shop(shop_folder)
