"""What the suite for every warehouse runs on: a place for the tables, and a way to look into them from outside."""

import io
import json
import os
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from messenger.contract import RunRequest
from settings import Settings, Warehouse
from tests.stand_ins.bigquery import NOT_INSTALLED, PYTHON, StandIn, running_stand_in
from tests.warehouse.given_features import Row, given_features, given_request, given_warehouse, read_rows
from wiring import open_warehouse

FEATURES = {
    "customer_id": pa.string(),
    "run_date": pa.date32(),
    "recency": pa.int32(),
    "frequency": pa.int32(),
    "monetary": pa.decimal128(18, 2),
    "run_id": pa.string(),
}
ORDER_LINES = {
    "order_id": pa.string(),
    "customer_id": pa.string(),
    "order_date": pa.date32(),
    "amount": pa.decimal128(18, 2),
    "reason": pa.string(),
}


class DuckDBStore:
    float_type = "double"

    def __init__(self, folder: Path):
        self.path = folder / "warehouse.duckdb"
        self.warehouse = given_warehouse(self.path)

    def given_features(self, rows: Iterable[Row], request: RunRequest | None = None) -> RunRequest:
        """Replaces the features of the request's run_date and writes the ledger row of the step."""
        return given_features(self.path, rows, request)

    def rows(self, query: str) -> list[tuple]:
        return read_rows(self.path, query)

    def write(self, statement: str) -> None:
        with duckdb.connect(str(self.path)) as connection:
            connection.execute(statement)

    def fill(self, name: str, table: pa.Table) -> None:
        with duckdb.connect(str(self.path)) as connection:
            connection.register("arrived", table)
            connection.execute(f"create table {name} as select * from arrived")


class BigQueryStore:
    """A dataset of its own on the stand-in."""

    float_type = "float64"

    def __init__(self, stand_in: StandIn):
        self.settings = settings_for(stand_in, f"t{uuid4().hex[:8]}")
        self.warehouse = open_warehouse(self.settings)
        self.place = self.warehouse._place
        self.place.client.create_dataset(self.place.dataset)
        self.warehouse.prepare()

    def given_features(self, rows: Iterable[Row], request: RunRequest | None = None) -> RunRequest:
        """Replaces the features of the request's run_date and writes the ledger row of the step."""
        request, rows = request or given_request(), list(rows)
        self.write(
            """create table if not exists rfm_features (customer_id string, run_date date, recency int64,
            frequency int64, monetary numeric(18, 2), run_id string) partition by run_date cluster by customer_id"""
        )
        self.write(f"delete from rfm_features where run_date = date '{request.run_date}'")
        customers, recency, frequency, money = zip(*rows, strict=True) if rows else ((), (), (), ())
        columns = [customers, [request.run_date] * len(rows), recency, frequency]
        money = [None if one is None else pa.scalar(str(one)).cast(pa.decimal128(18, 2)).as_py() for one in money]
        arrays = [pa.array(values, kind) for values, kind in zip(columns, FEATURES.values(), strict=False)]
        arrays += [pa.array(money, pa.decimal128(18, 2)), pa.array([request.run_id] * len(rows))]
        if rows:
            self.fill("rfm_features", pa.Table.from_arrays(arrays, names=list(FEATURES)))
        facts = json.dumps({"customers": len(rows)})
        self.write(f"delete from run_ledger where run_id = '{request.run_id}' and step = 'features'")
        self.write(
            f"""insert into run_ledger values ('{request.run_id}', 'rfm', 'features', date '{request.run_date}',
            {request.attempt}, '', '{facts}', timestamp '{datetime.now(UTC).isoformat()}')"""
        )
        return request

    def rows(self, query: str) -> list[tuple]:
        return self.place.rows(query)

    def write(self, statement: str) -> None:
        self.place.script(statement, labels={})

    def fill(self, name: str, table: pa.Table, dataset: str = "") -> None:
        content = io.BytesIO()
        pq.write_table(table, content)
        content.seek(0)
        from google.cloud import bigquery

        target = f"{self.place.project}.{dataset or self.place.dataset}.{name}"
        config = bigquery.LoadJobConfig(source_format="PARQUET", write_disposition="WRITE_APPEND")
        self.place.client.load_table_from_file(content, target, job_config=config).result()


def settings_for(stand_in: StandIn, dataset: str, **groups) -> Settings:
    warehouse = Warehouse(
        kind="bigquery",
        project="test-project",
        dataset=dataset,
        endpoint=stand_in.endpoint,
        storage_endpoint=stand_in.storage_endpoint,
        lock_wait=60,
    )
    return Settings(warehouse=warehouse, **groups)


@pytest.fixture(scope="session")
def stand_in():
    """The BigQuery stand-in, started once. In CI it has to be there."""
    if not PYTHON.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(NOT_INSTALLED)
        pytest.skip(NOT_INSTALLED)
    with tempfile.TemporaryDirectory() as folder, running_stand_in(Path(folder)) as started:
        yield started


@pytest.fixture(params=["duckdb", "bigquery"])
def store(request, tmp_path):
    if request.param == "duckdb":
        return DuckDBStore(tmp_path)
    return BigQueryStore(request.getfixturevalue("stand_in"))


@pytest.fixture
def bigquery_store(stand_in):
    return BigQueryStore(stand_in)
