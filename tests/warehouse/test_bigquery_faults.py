"""Faults on the way to BigQuery: lost answers, kills and rivals leave old rows or new ones, and a rerun heals."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
import requests
from google.cloud import bigquery

from rfm.read_rules import rules_named
from settings import PROJECT
from tests.stores import bigquery_store, stand_in  # noqa: F401
from tests.warehouse.given_features import RUN_DATE, WINDOW, given_request
from warehouse.bigquery_place import Place
from warehouse.bigquery_staging import abandoned_tables, remove_abandoned, staged_tables
from warehouse.warehouse import WarehouseBusy
from wiring import open_warehouse
from workload.score import score

RULES = rules_named("quintile")
OLD = [("old", 1, 1, "1.00"), ("stays", 2, 2, "2.00")]
NEW = [("new", 3, 3, "3.00"), ("stays", 4, 4, "4.00"), ("rejected", None, 0, "-1.00")]
AGAIN = given_request(attempt=2)
SEEN = {
    "old": [("old", "rfm-2026-06-29-1"), ("stays", "rfm-2026-06-29-1")],
    "new": [("new", "rfm-2026-06-29-2"), ("stays", "rfm-2026-06-29-2")],
}
LOADS = "warehouse.bigquery_staging._load"

SCORE_AND_DIE = """
import sys
import warehouse.bigquery_replace as committing
import warehouse.bigquery_staging as staging
from settings import Settings
from tests.warehouse.test_bigquery_faults import AGAIN, RULES, WINDOW, open_warehouse, score
from tests.dying import die, dying_after

point = sys.argv[2]
if point == "after the load":
    staging._load = dying_after(staging._load)
elif point == "before the commit":
    committing._commit = die
elif point == "after the commit":
    committing._commit = dying_after(committing._commit)
score(open_warehouse(Settings.model_validate_json(sys.argv[1])), AGAIN, RULES, window_days=WINDOW)
"""


def seen(store):
    return store.rows("select customer_id, run_id from rfm_scores order by 1")


def counted(store):
    return store.rows("select step, count(*) from run_ledger group by step order by step")


@pytest.fixture
def scored(bigquery_store):  # noqa: F811
    """The date is scored once, and the features of a second attempt are there."""
    score(bigquery_store.warehouse, bigquery_store.given_features(OLD), RULES, window_days=WINDOW)
    bigquery_store.given_features(NEW, AGAIN)
    return bigquery_store


@pytest.mark.parametrize(
    ("point", "rows"), [("after the load", "old"), ("before the commit", "old"), ("after the commit", "new")]
)
def test_a_kill_leaves_old_or_new_a_rerun_heals_and_what_is_left_over_is_found(scored, point, rows):
    killed = subprocess.run(
        [sys.executable, "-c", SCORE_AND_DIE, scored.settings.model_dump_json(), point],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert seen(scored) == SEEN[rows]
    assert scored.warehouse.abandoned_staging() == [], "a young table may still be in use"
    left = [one.name for one in abandoned_tables(scored.place, older_than=timedelta(0))]
    assert all(name.startswith("staging_rfm_2026_06_29_2_") for name in left)
    assert len(left) == (1 if point == "after the load" else 2)

    assert score(scored.warehouse, AGAIN, RULES, window_days=WINDOW)["scored"] == 2

    assert seen(scored) == SEEN["new"]
    assert counted(scored) == [("features", 2), ("scoring", 2)]
    for name in left:
        remove_abandoned(scored.place, name, older_than=timedelta(0))
    assert abandoned_tables(scored.place, older_than=timedelta(0)) == []


def test_a_load_whose_answer_was_lost_is_asked_for_again_and_loads_once(scored, monkeypatch):
    sound, asked = bigquery.Client.load_table_from_file, []

    def answer_lost(client, *arguments, **options):
        job = sound(client, *arguments, **options)
        asked.append(options["job_id"])
        if asked.count(options["job_id"]) == 1:
            raise requests.ConnectionError("the answer was lost")
        return job

    monkeypatch.setattr(bigquery.Client, "load_table_from_file", answer_lost)
    assert score(scored.warehouse, AGAIN, RULES, window_days=WINDOW)["rows_in"] == 3
    assert seen(scored) == SEEN["new"]
    assert len(set(asked)) == 2, "one job for each of the two files"
    loads = [job for job in scored.place.client.list_jobs() if job.job_id in asked]
    assert len(loads) == 2


def test_a_rival_that_was_faster_is_waited_for(scored, monkeypatch):
    sound, tries = Place.script, []

    def beaten_once(place, statements, *, labels):
        tries.append(labels)
        if len(tries) == 1:
            raise WarehouseBusy("Transaction is aborted due to concurrent update")
        sound(place, statements, labels=labels)

    monkeypatch.setattr(Place, "script", beaten_once)
    score(scored.warehouse, AGAIN, RULES, window_days=WINDOW)
    assert tries == [{"pipeline": "rfm", "step": "scoring", "run_id": AGAIN.run_id}] * 2
    assert seen(scored) == SEEN["new"]


def test_a_rival_that_never_ends_is_said_after_the_wait(scored, monkeypatch):
    def beaten(place, statements, *, labels):
        raise WarehouseBusy("another writer changed the same rows")

    monkeypatch.setattr(Place, "script", beaten)
    impatient = open_warehouse(
        scored.settings.model_copy(
            update={"warehouse": scored.settings.warehouse.model_copy(update={"lock_wait": 0.1})}
        )
    )
    with pytest.raises(WarehouseBusy):
        score(impatient, AGAIN, RULES, window_days=WINDOW)
    monkeypatch.undo()
    assert seen(scored) == SEEN["old"]
    assert abandoned_tables(scored.place, older_than=timedelta(0)) == []


def test_two_runs_of_one_date_at_once_leave_its_rows_once_and_of_two_dates_both(bigquery_store):  # noqa: F811
    week_before = given_request(RUN_DATE - timedelta(days=7))
    bigquery_store.given_features(OLD, week_before)
    same = bigquery_store.given_features(NEW)
    with ThreadPoolExecutor(3) as pool:
        running = [
            pool.submit(score, open_warehouse(bigquery_store.settings), request, RULES, window_days=WINDOW)
            for request in (same, same, week_before)
        ]
        first, second, other = [one.result() for one in running]
    assert first == second
    assert other["scored"] == 2
    assert bigquery_store.rows("select run_date, count(*) from rfm_scores group by 1 order by 1") == [
        (week_before.run_date, 2),
        (RUN_DATE, 2),
    ]
    assert counted(bigquery_store) == [("features", 2), ("scoring", 2)]


def test_a_day_without_customers_leaves_no_rows_and_a_dropped_customer_is_gone(scored):
    score(scored.warehouse, AGAIN, RULES, window_days=WINDOW)
    assert seen(scored) == SEEN["new"]
    third = given_request(attempt=3)
    scored.given_features([], third)
    facts = score(scored.warehouse, third, RULES, window_days=WINDOW)
    assert (facts["scored"], facts["model_id"]) == (0, None)
    assert seen(scored) == []
    assert scored.rows("select count(*) from rfm_rejected") == [(0,)]


def test_staging_that_cannot_be_loaded_is_removed(bigquery_store, tmp_path):  # noqa: F811
    (tmp_path / "scores.parquet").write_bytes(b"no Parquet")
    with (
        pytest.raises(Exception, match="refused"),
        staged_tables(bigquery_store.place, "rfm-2026-06-29-1", {"rfm_scores": tmp_path / "scores.parquet"}, {}),
    ):
        pass
    assert abandoned_tables(bigquery_store.place, older_than=timedelta(0)) == []


def test_a_place_that_cannot_be_reached_is_said_after_the_wait(bigquery_store):  # noqa: F811
    nowhere = replace(bigquery_store.place, endpoint="http://127.0.0.1:9", patience=0.1)
    with pytest.raises(WarehouseBusy, match="could not be reached"):
        nowhere.rows("select 1")
