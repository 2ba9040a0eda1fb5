"""dbt on BigQuery killed, and in several processes at once: readers see old rows or new ones, and a rerun heals."""

import os
import signal
import subprocess
import sys
from datetime import date, timedelta
from decimal import Decimal

import pytest

from settings import PROJECT
from tests.dbt.bigquery_shop import BigQueryShop, orders
from warehouse.bigquery_staging import abandoned_tables, remove_abandoned

D = Decimal
JUNE_30 = date(1998, 6, 30)
EARLIER = JUNE_30 - timedelta(7)
AT_ONCE = timedelta(0)
pytestmark = pytest.mark.timeout(1200)

BUILD = """
import sys
from datetime import date
from google.cloud import bigquery
from settings import Settings
from tests.dbt.conftest import request_for
from tests.dying import die
from workload.features import build_features
from workload.sql import require_published

settings, run_date, attempt, point = sys.argv[1:]
sound = bigquery.Client.query

def dying(client, query, **options):
    commits = "begin transaction" in query
    if point == "before the commit" and commits:
        die()
    job = sound(client, query=query, **options)
    if point == "after the commit" and commits or point == "while staging" and "rfm_features_run" in query:
        die()
    return job

bigquery.Client.query = dying
request = request_for(date.fromisoformat(run_date), int(attempt))
require_published(build_features(request, Settings.model_validate_json(settings)))
"""


@pytest.fixture
def shop(stand_in, tmp_path):
    return BigQueryShop(stand_in, tmp_path)


@pytest.fixture
def building(shop):
    """Starts a build as a process of its own; none is left behind."""
    started = []

    def start(run_date, attempt, point="none"):
        given = [shop.options().model_dump_json(), str(run_date), str(attempt), point]
        environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
        command = [sys.executable, "-c", BUILD, *given]
        started.append(subprocess.Popen(command, cwd=PROJECT, env=environment, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()


def ended(process):
    """Its exit code, and what it said. It has the time of a busy machine."""
    _, said = process.communicate(timeout=600)
    return process.returncode, said


def committed(shop):
    return shop.rows("select run_id, step from run_ledger order by run_id")


def test_a_kill_leaves_old_or_new_a_rerun_heals_and_what_is_left_over_is_found(shop, building):
    shop.deliver(orders(("1", "old", JUNE_30, D(10)), ("2", "stays", JUNE_30, D(20))))
    shop.run(JUNE_30)
    old, new = [("old", 0, 1, D(10)), ("stays", 0, 1, D(20))], [("new", 0, 1, D(5)), ("stays", 0, 1, D(20))]
    first, second = ("rfm-1998-06-30-1", "features"), ("rfm-1998-06-30-2", "features")
    shop.deliver(orders(("3", "new", JUNE_30, D(5)), ("2", "stays", JUNE_30, D(20))))

    for point, rows, ledger in [
        ("while staging", old, [first]),
        ("before the commit", old, [first]),
        ("after the commit", new, [first, second]),
    ]:
        code, said = ended(building(JUNE_30, 2, point))
        assert code == -signal.SIGKILL, said
        assert (shop.features(JUNE_30), committed(shop)) == (rows, ledger), point

    shop.run(JUNE_30, attempt=2)
    assert (shop.features(JUNE_30), committed(shop)) == (new, [first, second])
    left = [one.name for one in abandoned_tables(shop.place, older_than=AT_ONCE)]
    assert left
    assert all(name.startswith("staging_rfm_1998_06_30_") for name in left)
    for name in left:
        remove_abandoned(shop.place, name, older_than=AT_ONCE)
    assert abandoned_tables(shop.place, older_than=AT_ONCE) == []


def test_two_attempts_at_one_date_and_another_date_at_once_all_succeed(shop, building):
    shop.deliver(orders(("1", "a", EARLIER, D(10)), ("2", "b", EARLIER, D(20)), ("3", "a", JUNE_30, D(5))))
    running = [building(*step) for step in [(JUNE_30, 1), (JUNE_30, 2), (EARLIER, 1)]]
    for code, said in [ended(process) for process in running]:
        assert code == 0, said

    assert shop.features(JUNE_30) == [("a", 0, 2, D(15)), ("b", 7, 1, D(20))]
    assert shop.features(EARLIER) == [("a", 0, 1, D(10)), ("b", 0, 1, D(20))]
    assert len(committed(shop)) == 3
    [(writers,)] = shop.rows(f"select count(distinct run_id) from rfm_features where run_date = date '{JUNE_30}'")
    assert writers == 1
