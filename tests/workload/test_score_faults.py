"""Runs at the same time, and a machine without room: the rows are whole, old or new."""

import hashlib
import os
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from rfm.read_rules import rules_named
from tests.processes import outputs
from tests.warehouse.given_features import (
    RUN_DATE,
    WINDOW,
    given_features,
    given_request,
    given_warehouse,
    read_rows,
)
from warehouse.warehouse import WarehouseOutOfRoom, WarehouseUnusable
from workload.publish import publish
from workload.score import score
from workload.snapshot import publish_snapshot

RULES = rules_named("quintile")
SCORE = """
import sys
from datetime import date
from pathlib import Path
from tests.warehouse.given_features import WINDOW, given_request
from rfm.read_rules import rules_named
from warehouse.duckdb import DuckDBWarehouse
from workload.score import score
warehouse = DuckDBWarehouse(Path(sys.argv[1]), lock_wait=60)
request = given_request(date.fromisoformat(sys.argv[2]))
print(score(warehouse, request, rules_named("quintile"), window_days=WINDOW))
"""
ROWS = [(f"c{number:05}", number % WINDOW, 1 + number % 9, f"{number}.25") for number in range(3000)]
ALL = "select * from rfm_scores order by all"
AS_ROOT = [] if os.getuid() == 0 or shutil.which("sudo") is None else ["sudo", "-n"]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "warehouse.duckdb"
    given_warehouse(path)
    return path


def test_two_processes_that_score_the_same_run_leave_its_rows_once(path, tmp_path):
    alone = tmp_path / "alone.duckdb"
    given_features(path, ROWS)
    score(given_warehouse(alone), given_features(alone, ROWS), RULES, window_days=WINDOW)
    first, second = outputs([(SCORE, [path, RUN_DATE])] * 2)
    assert first[-1] == second[-1]  # before it DuckDB may draw a progress bar
    assert read_rows(path, ALL) == read_rows(alone, ALL)
    assert read_rows(path, "select count(*) from run_ledger where step = 'scoring'") == [(1,)]
    assert read_rows(path, "select count(*) from rfm_models") == [(1,)]


def test_two_processes_that_score_different_dates_both_succeed(path):
    days = [RUN_DATE - timedelta(days=7), RUN_DATE]
    for day in days:
        given_features(path, ROWS, given_request(day))
    outputs([(SCORE, [path, day]) for day in days])
    assert read_rows(path, "select run_date, count(*) from rfm_scores group by 1 order by 1") == [
        (day, len(ROWS)) for day in days
    ]


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    mount = [*AS_ROOT, "mount", "-t", "tmpfs", "-o", f"size=12m,uid={os.getuid()}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        not_allowed = "a disk that is full is made with mount, which needs root or sudo without a password"
        pytest.fail(not_allowed) if os.environ.get("CI") == "true" else pytest.skip(not_allowed)
    yield folder
    subprocess.run([*AS_ROOT, "umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, leave: int) -> Path:
    filler = folder / "filler"
    status = os.statvfs(folder)
    filler.write_bytes(bytes(max(0, status.f_bavail * status.f_frsize - leave)))
    return filler


@pytest.mark.parametrize("left", [50_000, 700_000], ids=["while staging", "at the commit"])
def test_a_full_disk_stops_the_run_and_a_rerun_heals(small_disk, left):
    path = small_disk / "warehouse.duckdb"
    warehouse = given_warehouse(path)
    score(warehouse, given_features(path, ROWS[:50]), RULES, window_days=WINDOW)
    old, again = read_rows(path, ALL), given_request(attempt=2)
    given_features(path, [(f"customer-{os.urandom(9).hex()}", *row[1:]) for row in ROWS * 5], again)
    filler = fill(small_disk, left)
    with pytest.raises(WarehouseOutOfRoom, match=r"(?i)no space left"):
        score(warehouse, again, RULES, window_days=WINDOW)
    assert read_rows(path, ALL) == old
    filler.unlink()
    assert score(warehouse, again, RULES, window_days=WINDOW)["scored"] == 5 * len(ROWS)


def test_a_disk_that_may_only_be_read_keeps_its_rows_and_the_run_says_so(small_disk):
    path = small_disk / "warehouse.duckdb"
    warehouse = given_warehouse(path)
    score(warehouse, given_features(path, ROWS[:9]), RULES, window_days=WINDOW)
    old = read_rows(path, ALL)
    subprocess.run([*AS_ROOT, "mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(WarehouseUnusable, match="Read-only file system"):
        score(warehouse, given_request(), RULES, window_days=WINDOW)
    with pytest.raises(WarehouseUnusable, match="Read-only file system"):
        warehouse.prepare()
    assert read_rows(path, ALL) == old


def test_a_damaged_file_stops_the_run_and_the_published_files_of_before_are_whole(path, tmp_path):
    warehouse, published = given_warehouse(path), tmp_path / "published"
    request = given_features(path, ROWS[:50])
    score(warehouse, request, RULES, window_days=WINDOW)
    publish(warehouse, request, published)
    publish_snapshot(warehouse, request, published, keep=1)
    before = checksums(published)
    again = given_features(path, ROWS[:60], given_request(attempt=2))
    content = path.read_bytes()
    path.write_bytes(content[:12288] + os.urandom(len(content) - 12288))

    for work in (
        lambda: score(warehouse, again, RULES, window_days=WINDOW),
        lambda: publish(warehouse, request, published),
        warehouse.prepare,
    ):
        with pytest.raises(WarehouseUnusable, match="damaged"):
            work()

    assert len(before) == 5
    assert checksums(published) == before


def checksums(folder):
    return {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.rglob("*") if file.is_file()}


def test_fewer_customers_than_scores_is_fine(path):
    score(given_warehouse(path), given_features(path, [("a", 1, 1, "1"), ("b", 2, 2, "2")]), RULES, window_days=WINDOW)
    assert read_rows(path, "select customer_id, r_score, f_score, m_score from rfm_scores order by 1") == [
        ("a", 5, 1, 1),
        ("b", 3, 3, 3),
    ]
