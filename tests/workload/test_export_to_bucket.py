"""Exports to a bucket of Google Cloud Storage, against fake-gcs-server."""

import hashlib
import json

import pytest

from tests.buckets import fake_gcs_server
from tests.warehouse.given_features import given_warehouse
from tests.workload.test_export import FILES, make_scored
from workload.export import export
from workload.target import CannotWrite


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    path = tmp_path_factory.mktemp("scored") / "warehouse.duckdb"
    make_scored(given_warehouse(path), path)
    return path


@pytest.fixture
def bucket(monkeypatch):
    with fake_gcs_server("rfm-exports") as buckets:
        buckets.reach(monkeypatch)
        yield buckets.files()


def read(bucket, name):
    return bucket.cat_file(f"rfm-exports/weekly/{name}")


def test_all_files_arrive_as_the_manifest_says(warehouse, bucket):
    done = export(warehouse, "gs://rfm-exports/weekly")

    manifest = json.loads(read(bucket, "manifest.json"))
    found = sorted(name.rpartition("/")[2] for name in bucket.ls("rfm-exports/weekly", refresh=True))
    assert found == FILES
    assert manifest["run_id"] == done.run_id
    for name, checksum in manifest["sha256"].items():
        assert hashlib.sha256(read(bucket, name)).hexdigest() == checksum


def test_doing_it_again_replaces_the_files(warehouse, bucket):
    export(warehouse, "gs://rfm-exports/weekly")
    before = read(bucket, "segments.csv")

    export(warehouse, "gs://rfm-exports/weekly")

    assert read(bucket, "segments.csv") == before


def test_a_bucket_that_is_not_there_is_said(warehouse, bucket):
    with pytest.raises(CannotWrite, match="gs://no-such-bucket/weekly"):
        export(warehouse, "gs://no-such-bucket/weekly")
