"""Whatever keeps the file from being opened is said in plain words, after a bounded wait."""

import os
import subprocess
import sys
import threading
import time

import duckdb
import pytest

from settings import PROJECT
from tests.processes import HOLD_WAREHOUSE
from tests.warehouse.given_features import given_warehouse
from warehouse.duckdb import DuckDBWarehouse
from warehouse.duckdb_file import ENOUGH_THREADS, opened
from warehouse.warehouse import WarehouseBusy, WarehouseOutOfRoom, WarehouseUnusable


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "warehouse.duckdb"
    given_warehouse(path)
    return path


@pytest.fixture
def holder(path):
    """Another process that holds the file until its standard input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD_WAREHOUSE, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()
    process.stdin.close()


def test_a_file_held_by_another_process_is_waited_for_until_it_lets_go(path, holder):
    threading.Timer(0.3, holder.stdin.close).start()
    assert DuckDBWarehouse(path, lock_wait=20).ledger_row("rfm-2026-06-29-1", "scoring") is None


def test_after_the_wait_the_error_says_which_process_to_wait_for(path, holder):
    began = time.monotonic()
    with pytest.raises(WarehouseBusy, match=rf"held by process {holder.pid} \(.*python.*\), waited 0.2 s"):
        DuckDBWarehouse(path, lock_wait=0.2).ledger_row("rfm-2026-06-29-1", "scoring")
    assert time.monotonic() - began < 5


def test_the_writer_waits_too(path, holder):
    with pytest.raises(WarehouseBusy, match=f"process {holder.pid}"):
        DuckDBWarehouse(path, lock_wait=0.1).prepare()


def test_another_use_in_this_process_is_waited_for(path):
    with duckdb.connect(str(path)), pytest.raises(WarehouseBusy, match="this process itself"):
        DuckDBWarehouse(path, lock_wait=0.1).ledger_row("rfm-2026-06-29-1", "scoring")


def test_duckdb_has_threads_enough_to_put_large_groups_aside_in_small_parts_here_and_in_dbt(path):
    with opened(path, lock_wait=1, memory_limit="", read_only=True) as connection:
        [(threads,)] = connection.execute("select current_setting('threads')").fetchall()
    assert threads >= 8
    assert ENOUGH_THREADS in (PROJECT / "dbt" / "macros" / "cross_database.sql").read_text()


def test_a_missing_file_is_not_made_by_reading_it(tmp_path):
    path = tmp_path / "absent" / "warehouse.duckdb"
    with pytest.raises(WarehouseUnusable, match="does not exist"):
        DuckDBWarehouse(path, lock_wait=1).ledger_row("rfm-2026-06-29-1", "scoring")
    assert not path.exists()


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "warehouse.duckdb"
    path.write_bytes(b"x" * 5000)
    with pytest.raises(WarehouseUnusable, match="not a valid DuckDB database"):
        DuckDBWarehouse(path, lock_wait=1).prepare()
    assert path.read_bytes() == b"x" * 5000


def test_a_damaged_file_is_refused(path):
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table big as select range as value from range(300000)")
    content = bytearray(path.read_bytes())
    content[12288:] = os.urandom(len(content) - 12288)
    path.write_bytes(content)
    with pytest.raises(WarehouseUnusable, match="damaged"):
        DuckDBWarehouse(path, lock_wait=1).prepare()


def test_a_database_without_the_tables_says_that_it_was_not_prepared(tmp_path):
    path = tmp_path / "warehouse.duckdb"
    duckdb.connect(str(path)).close()
    with pytest.raises(WarehouseUnusable, match="has the warehouse been prepared"):
        DuckDBWarehouse(path, lock_wait=1).ledger_row("rfm-2026-06-29-1", "scoring")


PREPARE_AS_NOBODY = """
import os, sys
from pathlib import Path
from warehouse.duckdb import DuckDBWarehouse
if os.getuid() == 0:
    os.setuid(65534)
try:
    DuckDBWarehouse(Path(sys.argv[1]), lock_wait=1).prepare()
except Exception as error:
    print(f"{type(error).__name__}: {error}")
"""


@pytest.mark.parametrize("name", ["warehouse.duckdb", "folder/warehouse.duckdb"])
def test_a_file_or_folder_that_may_not_be_written_is_said(tmp_path, name):
    folder = tmp_path / "shared"
    folder.mkdir()
    given_warehouse(folder / "warehouse.duckdb")
    (folder / "warehouse.duckdb").chmod(0o444)
    for part in (folder, *folder.parents[:3]):
        part.chmod(0o555)
    try:
        told = subprocess.run(
            [sys.executable, "-c", PREPARE_AS_NOBODY, str(folder / name)], capture_output=True, text=True, check=True
        ).stdout
    finally:
        for part in (folder, *folder.parents[:3]):
            part.chmod(0o755)
    assert told.startswith("WarehouseUnusable: ")
    assert "Permission denied" in told


def test_too_little_memory_is_said_with_the_setting_to_raise(path):
    warehouse = DuckDBWarehouse(path, lock_wait=1, memory_limit="10MB")
    query = "select max(len(l)) from (select list(range order by range desc) as l from range(10000000))"
    with pytest.raises(WarehouseOutOfRoom, match="WAREHOUSE_MEMORY_LIMIT"):
        warehouse._rows(query, [])


def test_preparing_again_changes_nothing(path):
    warehouse = given_warehouse(path)
    before = duckdb.connect(str(path), read_only=True).execute("select * from duckdb_columns()").fetchall()
    warehouse.prepare()
    assert duckdb.connect(str(path), read_only=True).execute("select * from duckdb_columns()").fetchall() == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("alter table rfm_scores drop column model_id", "rfm_scores.model_id is missing, not VARCHAR"),
        ("alter table rfm_scores alter monetary type double", r"monetary is DOUBLE, not DECIMAL\(18,2\)"),
        ("alter table run_ledger rename facts to counts", "run_ledger.facts is missing"),
    ],
)
def test_tables_of_an_older_layout_are_noticed_before_anything_runs(path, change, said):
    with duckdb.connect(str(path)) as connection:
        connection.execute(change)
    with pytest.raises(WarehouseUnusable, match=f"another version of this program: .*{said}"):
        DuckDBWarehouse(path, lock_wait=1).prepare()
