"""Publishing to a bucket, against fake-gcs-server: the same files as in a folder, for whoever mounts the bucket."""

import hashlib
import json
from datetime import timedelta
from decimal import Decimal

import gcsfs
import pytest
from gcsfs.retry import HttpError

from rfm.read_rules import rules_named
from snapshot.layout import snapshots_folder
from snapshot.shelf import Shelf
from tests.buckets import fake_gcs_server
from tests.warehouse.given_features import RUN_DATE, WINDOW, given_features, given_request, given_warehouse
from warehouse.closing import RunClosed, close_run
from workload import published as place
from workload.figures import Looks, NothingToReport, report_of
from workload.publish import NotCommitted
from workload.published import open_published
from workload.score import score
from workload.target import CannotWrite, Unreachable

ROWS = [(f"c{number:02}", number, 1 + number % 7, Decimal(number) / 4) for number in range(40)]
DAY = f"rfm/{RUN_DATE}"
RESULTS = {"manifest.json", "scores.parquet", "segments.csv", "segments.json"}
KEEP = 3


@pytest.fixture(scope="module")
def server():
    with fake_gcs_server("none-of-these") as buckets:
        yield buckets


@pytest.fixture
def bucket(server, monkeypatch, request):
    """A bucket of the test's own, as a folder."""
    name = f"b{abs(hash(request.node.name)) % 10**9}"
    server.files().mkdir(name)
    server.reach(monkeypatch)
    return server.folder / name


@pytest.fixture
def warehouse(path):
    return given_warehouse(path)


def given_run(warehouse, path, run_date=RUN_DATE, attempt=1):
    request = given_features(path, ROWS, given_request(run_date, attempt=attempt))
    score(warehouse, request, rules_named("quintile"), window_days=WINDOW)
    return request


def published(bucket):
    return open_published(bucket / "not used", f"gs://{bucket.name}")


def names(folder):
    return {file.name for file in folder.iterdir()}


def test_the_same_files_are_there_as_in_a_folder(warehouse, path, bucket, tmp_path):
    request = given_run(warehouse, path)

    published(bucket).publish_run(warehouse, request)
    open_published(tmp_path / "folder", "").publish_run(warehouse, request)

    assert names(bucket / DAY) == RESULTS
    for file in (tmp_path / "folder" / DAY).iterdir():
        assert (bucket / DAY / file.name).read_bytes() == file.read_bytes()


def test_the_invoker_reads_the_snapshots_of_a_bucket_that_is_mounted(warehouse, path, bucket):
    shelf = Shelf(snapshots_folder(bucket, "rfm"), most=KEEP)
    request = given_run(warehouse, path)

    published(bucket).publish_run(warehouse, request)
    published(bucket).publish_snapshot(warehouse, request, keep=KEEP)

    assert shelf.newest().about.run_id == request.run_id
    assert shelf.newest().customer("c01").segment is not None
    shelf.close()


def test_a_run_whose_files_are_replaced_gets_no_snapshot(warehouse, path, bucket):
    first = given_run(warehouse, path)
    with pytest.raises(NotCommitted, match=first.run_id):
        published(bucket).publish_snapshot(warehouse, first, keep=KEEP)
    published(bucket).publish_run(warehouse, given_run(warehouse, path, attempt=2))

    with pytest.raises(NotCommitted, match=first.run_id):
        published(bucket).publish_snapshot(warehouse, first, keep=KEEP)
    assert not (bucket / "snapshots").exists()


def test_only_the_snapshots_of_the_newest_run_dates_stay(warehouse, path, bucket):
    days = [RUN_DATE + timedelta(days=number) for number in range(KEEP + 1)]
    for day in (*days[1:], days[0]):
        request = given_run(warehouse, path, day)
        published(bucket).publish_run(warehouse, request)
        published(bucket).publish_snapshot(warehouse, request, keep=KEEP)

    assert names(bucket / "snapshots" / "rfm") == {f"{day}.sqlite" for day in days[1:]}
    assert names(bucket / "rfm") == {str(day) for day in days}


def test_a_report_stands_beside_its_run_and_in_the_manifest(warehouse, path, bucket):
    request = given_run(warehouse, path)
    published(bucket).publish_run(warehouse, request)

    page = published(bucket).publish_report(report_of(warehouse, request.run_id, Looks()))

    assert page == f"gs://{bucket.name}/{DAY}/report.html"
    manifest = json.loads((bucket / DAY / "manifest.json").read_text())
    assert names(bucket / DAY) == {*manifest["sha256"], "manifest.json"} == {*RESULTS, "report.html", "report.json"}
    for name, checksum in manifest["sha256"].items():
        assert hashlib.sha256((bucket / DAY / name).read_bytes()).hexdigest() == checksum


def test_a_new_attempt_takes_the_old_report_away_and_it_cannot_come_back(warehouse, path, bucket):
    first = given_run(warehouse, path)
    published(bucket).publish_run(warehouse, first)
    report = report_of(warehouse, first.run_id, Looks())
    published(bucket).publish_report(report)

    published(bucket).publish_run(warehouse, given_run(warehouse, path, attempt=2))

    assert names(bucket / DAY) == RESULTS
    with pytest.raises(NothingToReport, match="the published files are those of"):
        published(bucket).publish_report(report)
    assert names(bucket / DAY) == RESULTS


def test_a_run_that_was_given_up_while_its_files_were_made_delivers_none(warehouse, path, bucket, monkeypatch):
    request = given_run(warehouse, path)
    made = []

    def publish(*args):
        made.append(real(*args))
        close_run(warehouse, request, "given up meanwhile")
        return made[0]

    real = place.publish
    monkeypatch.setattr(place, "publish", publish)

    with pytest.raises(RunClosed):
        published(bucket).publish_run(warehouse, request)
    assert made
    assert not list(bucket.iterdir())


def test_a_bucket_that_is_not_there_is_said(warehouse, path, bucket):
    with pytest.raises(CannotWrite, match="gs://no-such-bucket"):
        open_published(bucket, "gs://no-such-bucket").publish_run(warehouse, given_run(warehouse, path))


@pytest.mark.parametrize(
    ("code", "said"), [(503, Unreachable), (429, Unreachable), (None, Unreachable), (400, CannotWrite)]
)
def test_what_may_pass_is_worth_another_try(warehouse, path, bucket, monkeypatch, code, said):
    """The client itself has asked again for half a minute before it says so."""
    monkeypatch.setattr(gcsfs.GCSFileSystem, "put_file", refusing(HttpError({"code": code, "message": "no"})))

    with pytest.raises(said, match=f"gs://{bucket.name}"):
        published(bucket).publish_run(warehouse, given_run(warehouse, path))


def refusing(error):
    def put_file(*_args, **_how):
        raise error

    return put_file
