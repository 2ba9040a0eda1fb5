import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.staging import abandoned_folders, parquet_staging, remove_abandoned, temporary_root
from warehouse.warehouse import REJECTED, SCORES, WarehouseOutOfRoom, WarehouseUnusable

ROW = {"customer_id": ["c"], "recency": [1], "frequency": [1], "monetary_cents": [1], "reason": ["missing_customer"]}
STAGE_AND_DIE = """
import os, signal, sys
from pathlib import Path
from warehouse.staging import abandoned_folders, parquet_staging, remove_abandoned
with parquet_staging(Path(sys.argv[1]), "rfm-2026-06-29-1"):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def folders(root):
    return sorted(path.name for path in root.iterdir() if path.is_dir())


def test_what_is_staged_can_be_read_before_the_end_and_is_gone_after_it(tmp_path):
    with parquet_staging(tmp_path, "run") as staging:
        staging.add_rejected(pa.RecordBatch.from_pydict(ROW, schema=REJECTED))
        staging.finish()
        read = pq.read_table(staging.rejected).to_pydict()
        assert read.pop("monetary") == [Decimal("0.01")]
        assert read == {name: value for name, value in ROW.items() if name != "monetary_cents"}
        assert pq.read_table(staging.scores).num_rows == 0
        assert len(pq.read_schema(staging.scores).names) == len(SCORES.names)
    assert folders(tmp_path) == []


def test_it_is_gone_when_the_work_fails(tmp_path):
    with pytest.raises(ZeroDivisionError), parquet_staging(tmp_path, "run"):
        raise ZeroDivisionError
    assert folders(tmp_path) == []


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_uses_is_not(tmp_path):
    killed = subprocess.run([sys.executable, "-c", STAGE_AND_DIE, str(tmp_path)], check=False)
    assert killed.returncode == -9
    [left_over] = folders(tmp_path)
    with parquet_staging(tmp_path, "first") as first:
        assert left_over not in folders(tmp_path)
        with parquet_staging(tmp_path, "second"):
            assert len(folders(tmp_path)) == 2
            assert first.scores.exists()


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WarehouseUnusable, match="cannot be staged"), parquet_staging(tmp_path / "file", "run"):
        pass


def test_a_full_disk_is_said(tmp_path):
    full = OSError(28, os.strerror(28))
    with pytest.raises(WarehouseOutOfRoom, match="No space left"), parquet_staging(tmp_path, "run"):
        raise full


def test_what_a_killed_process_left_is_abandoned_and_what_is_in_use_is_not(tmp_path):
    subprocess.run([sys.executable, "-c", STAGE_AND_DIE, str(tmp_path)], check=False)
    [left] = folders(tmp_path)

    [abandoned] = abandoned_folders(tmp_path)
    assert abandoned.name == left
    with parquet_staging(tmp_path / "other", "run"):
        assert abandoned_folders(tmp_path / "other") == []
        remove_abandoned(tmp_path / "other", folders(tmp_path / "other")[0])
        assert len(folders(tmp_path / "other")) == 1

    remove_abandoned(tmp_path, left)
    remove_abandoned(tmp_path, left)
    assert left not in folders(tmp_path)


def test_where_nothing_was_ever_staged_nothing_is_abandoned(tmp_path):
    assert abandoned_folders(tmp_path / "none") == []
    remove_abandoned(tmp_path / "none", "rfm-2026-06-29-1")


ROUNDS = 150


def test_nobody_who_comes_goes_or_looks_disturbs_another(tmp_path):
    def come_and_go(number):
        for _ in range(ROUNDS):
            with parquet_staging(tmp_path, f"run-{number}") as staging:
                assert staging.scores.exists()

    def look():
        for _ in range(ROUNDS):
            assert abandoned_folders(tmp_path) == []
            for name in folders(tmp_path):
                remove_abandoned(tmp_path, name)

    with ThreadPoolExecutor(4) as pool:
        working = [pool.submit(come_and_go, number) for number in range(3)] + [pool.submit(look)]
    for one in working:
        one.result()
    assert folders(tmp_path) == []


def test_a_folder_that_cannot_be_removed_does_not_undo_what_was_committed(tmp_path, monkeypatch):
    with parquet_staging(tmp_path, "run"):
        monkeypatch.setattr(os, "rmdir", refused)
        monkeypatch.setattr(os, "unlink", refused)
    [left] = folders(tmp_path)
    monkeypatch.undo()
    assert [one.name for one in abandoned_folders(tmp_path)] == [left]


def refused(*arguments, **options):
    raise PermissionError(1, "Operation not permitted")


def test_in_the_systems_folder_each_user_has_one_that_nobody_else_can_enter(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    root = temporary_root()
    assert root == temporary_root() == tmp_path / f"rfm-staging-{os.getuid()}"
    assert root.stat().st_mode & 0o777 == 0o700

    root.chmod(0o770)
    with pytest.raises(WarehouseUnusable, match="not a folder of this user alone"):
        temporary_root()
    root.chmod(0o700)
    somebody = os.getuid() + 1
    root.rename(tmp_path / f"rfm-staging-{somebody}")
    monkeypatch.setattr(os, "getuid", lambda: somebody)
    with pytest.raises(WarehouseUnusable, match="not a folder of this user alone"):
        temporary_root()


def test_a_link_in_its_place_is_not_followed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / f"rfm-staging-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WarehouseUnusable, match="not a folder of this user alone"):
        temporary_root()
