"""The shelf follows the folder: what is published is seen, what is replaced is seen anew, what is removed is gone."""

from contextlib import closing
from datetime import date, timedelta

import pytest

from snapshot import shelf as shelf_module
from snapshot.layout import snapshot_name, snapshots_folder
from snapshot.shelf import Shelf
from tests.snapshot.given_snapshots import RUN_DATE, given_snapshot


@pytest.fixture
def folder(tmp_path):
    return snapshots_folder(tmp_path, "rfm")


@pytest.fixture
def shelf(folder, monkeypatch):
    monkeypatch.setattr(shelf_module, "FRESH", 0)
    with closing(Shelf(folder, most=3)) as shelf:
        yield shelf


def days(shelf):
    return [snapshot.about.run_date for snapshot in shelf.newest_first()]


def test_without_a_folder_there_is_nothing_and_no_error(shelf):
    assert (shelf.newest(), shelf.newest_first(), shelf.of(RUN_DATE)) == (None, [], None)


def test_what_is_published_later_is_seen_the_newest_first_and_no_more_than_wanted(shelf, tmp_path):
    for back in (14, 0, 7, 21):
        given_snapshot(tmp_path, run_date=RUN_DATE - timedelta(days=back))

    assert days(shelf) == [RUN_DATE - timedelta(days=back) for back in (0, 7, 14)]
    assert shelf.newest().about.run_date == RUN_DATE
    assert shelf.of(RUN_DATE - timedelta(days=21)) is None


def test_a_replaced_file_is_read_anew_and_others_stay_open(shelf, tmp_path):
    given_snapshot(tmp_path)
    given_snapshot(tmp_path, run_date=RUN_DATE - timedelta(days=7))
    first, other = shelf.newest_first()

    given_snapshot(tmp_path, {"new": (1, 1, "5.00")}, attempt=2)

    second, same = shelf.newest_first()
    assert second.about.run_id == "rfm-1998-06-30-2"
    assert second.customer("new") is not None
    assert second is not first
    assert same is other


def test_a_removed_file_is_gone(shelf, tmp_path, folder):
    given_snapshot(tmp_path)
    assert days(shelf) == [RUN_DATE]

    (folder / snapshot_name(RUN_DATE)).unlink()

    assert days(shelf) == []


def test_a_damaged_file_is_left_out_and_said_once(shelf, tmp_path, folder, caplog):
    given_snapshot(tmp_path)
    (folder / snapshot_name(date(1999, 1, 1))).write_bytes(b"no database at all")

    assert days(shelf) == days(shelf) == [RUN_DATE]

    [told] = caplog.records
    assert "1999-01-01.sqlite is damaged or of another version" in told.message


def test_files_that_are_no_snapshots_are_not_looked_at(shelf, tmp_path, folder, caplog):
    given_snapshot(tmp_path)
    for name in (".1998-07-07.sqlite.rfm-1998-07-07-1", "notes.sqlite", "README"):
        (folder / name).write_text("?")

    assert days(shelf) == [RUN_DATE]
    assert caplog.records == []
