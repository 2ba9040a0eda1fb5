"""The shelf follows the folder: what is published is seen, what is replaced is seen anew, what is removed is gone."""

import sqlite3
from contextlib import closing
from datetime import date, timedelta

import pytest

from snapshot import shelf as shelf_module
from snapshot.layout import snapshot_name, snapshots_folder
from snapshot.read import Snapshot, SnapshotUnavailable
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


def test_what_cannot_be_looked_at_now_stays_as_it_is_known_and_is_said_once(shelf, tmp_path, folder, caplog):
    given_snapshot(tmp_path)
    given_snapshot(tmp_path, run_date=RUN_DATE - timedelta(days=7))
    first, other = shelf.newest_first()
    path = folder / snapshot_name(RUN_DATE)
    whole = path.rename(folder / "aside")
    path.symlink_to(path)  # whoever looks at it gets an error that is not "not found"

    assert shelf.newest_first() == shelf.newest_first() == [first, other]
    assert first.customer("c01") is not None
    [told] = caplog.records
    assert "Too many levels of symbolic links" in told.message

    path.unlink()
    whole.rename(path)
    assert shelf.newest_first() == [first, other]


def test_a_folder_that_cannot_be_listed_now_takes_nothing_away(shelf, tmp_path, folder, caplog):
    given_snapshot(tmp_path)
    [first] = shelf.newest_first()
    folder.rename(tmp_path / "aside")
    folder.write_text("a file where the folder was")

    assert shelf.newest_first() == shelf.newest_first() == [first]
    [told] = caplog.records
    assert "Not a directory" in told.message


def test_before_anything_is_known_a_folder_that_cannot_be_listed_is_not_taken_for_empty(shelf, tmp_path, folder):
    folder.parent.mkdir(parents=True)
    folder.write_text("a file where the folder should be")
    for _ in range(2):
        with pytest.raises(SnapshotUnavailable, match="cannot be listed: Not a directory"):
            shelf.newest()

    folder.unlink()
    given_snapshot(tmp_path)
    assert days(shelf) == [RUN_DATE]


def test_a_file_that_cannot_be_read_now_is_tried_again(shelf, tmp_path, folder, monkeypatch):
    given_snapshot(tmp_path)
    [first] = shelf.newest_first()
    given_snapshot(tmp_path, {"new": (1, 1, "5.00")}, attempt=2)
    with monkeypatch.context() as unreadable:
        unreadable.setattr(Snapshot, "_read_about", fails_with(sqlite3.OperationalError("disk I/O error")))
        assert shelf.newest_first() == [first]

    [second] = shelf.newest_first()
    assert second.about.run_id == "rfm-1998-06-30-2"


def fails_with(error):
    def fail(*_):
        raise error

    return fail


def test_files_that_are_no_snapshots_are_not_looked_at(shelf, tmp_path, folder, caplog):
    given_snapshot(tmp_path)
    for name in (".1998-07-07.sqlite.rfm-1998-07-07-1", "notes.sqlite", "README"):
        (folder / name).write_text("?")

    assert days(shelf) == [RUN_DATE]
    assert caplog.records == []
