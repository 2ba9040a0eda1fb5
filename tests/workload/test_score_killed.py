"""SIGKILL at the worst moments: readers see the old rows or the new ones, and doing it again heals."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rfm.read_rules import rules_named
from tests.warehouse.given_features import WINDOW, given_features, given_request, given_warehouse, read_rows
from workload.score import score

RULES = rules_named("quintile")
OLD = [("old", 1, 1, "1.00"), ("stays", 2, 2, "2.00")]
NEW = [("new", 3, 3, "3.00"), ("stays", 4, 4, "4.00"), ("rejected", None, 0, "-1.00")]
TABLES = ("rfm_scores", "rfm_rejected", "rfm_models", "run_ledger")

SCORE_AND_DIE = """
import sys
from pathlib import Path
import warehouse.duckdb_replace as committing
from warehouse.staging import ParquetStaging
from tests.workload.test_score_killed import NEW_REQUEST, RULES, WINDOW, given_warehouse, score
from tests.dying import die, dying_after

point = sys.argv[2]
if point == "before staging":
    ParquetStaging.__init__ = die
elif point == "while staging":
    ParquetStaging.add_rejected = die
elif point == "after staging":
    ParquetStaging.finish = dying_after(ParquetStaging.finish)
elif point == "before the check":
    committing._check = die
elif point == "after the check":
    committing._check = dying_after(committing._check)
elif point == "after the delete":
    committing._replace_rows = dying_after(lambda connection, staged, ledger, model_id: connection.execute(
        "delete from rfm_scores where run_date = ?", [ledger.run_date]))
elif point == "after the replacement":
    committing._replace_rows = dying_after(committing._replace_rows)
elif point == "before the ledger row":
    committing._write_ledger = die
elif point == "before the commit":
    committing._write_ledger = dying_after(committing._write_ledger)
elif point == "after the commit":
    import warehouse.duckdb as adapter
    adapter.replace_scores = dying_after(adapter.replace_scores)
score(given_warehouse(Path(sys.argv[1])), NEW_REQUEST, RULES, window_days=WINDOW)
"""
NEW_REQUEST = given_request(attempt=2)


def contents(path):
    return {
        table: read_rows(path, f"select * exclude ({moment}) from {table} order by all")
        for table in TABLES
        for moment in [{"rfm_models": "fitted_at", "run_ledger": "committed_at"}.get(table, "run_id")]
    }


@pytest.mark.parametrize(
    ("point", "seen"),
    [
        ("before staging", "old"),
        ("while staging", "old"),
        ("after staging", "old"),
        ("before the check", "old"),
        ("after the check", "old"),
        ("after the delete", "old"),
        ("after the replacement", "old"),
        ("before the ledger row", "old"),
        ("before the commit", "old"),
        ("after the commit", "new"),
    ],
)
def test_a_kill_leaves_old_or_new_and_a_rerun_heals(tmp_path, point, seen):
    path, unharmed = tmp_path / "warehouse.duckdb", tmp_path / "unharmed.duckdb"
    for one in (path, unharmed):
        warehouse = given_warehouse(one)
        score(warehouse, given_features(one, OLD), RULES, window_days=WINDOW)
        given_features(one, NEW, NEW_REQUEST)
    old = contents(path)
    score(given_warehouse(unharmed), NEW_REQUEST, RULES, window_days=WINDOW)
    new = contents(unharmed)
    assert old != new

    killed = subprocess.run(
        [sys.executable, "-c", SCORE_AND_DIE, str(path), point],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert contents(path) == {"old": old, "new": new}[seen]

    score(given_warehouse(path), NEW_REQUEST, RULES, window_days=WINDOW)
    assert contents(path) == new
    assert [entry.name for entry in path.with_name("warehouse.duckdb.staging").iterdir()] == [".lock"]
