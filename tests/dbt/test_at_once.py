"""Two steps at once, in two processes: one of them waits, and both do what they would have done alone."""

import subprocess
import sys
from datetime import date, timedelta
from decimal import Decimal

from settings import PROJECT

D = Decimal
JUNE_30 = date(1998, 6, 30)
EARLIER = JUNE_30 - timedelta(7)

STEP = """
import sys
from datetime import date
from pathlib import Path
from settings import Settings, Source, Stack, Warehouse
from tests.dbt.conftest import request_for
from workload.features import build_features
from workload.sql import require_published

folder, run_date, attempt = Path(sys.argv[1]), date.fromisoformat(sys.argv[2]), int(sys.argv[3])
settings = Settings(
    source=Source(path=folder / "orders.parquet"),
    warehouse=Warehouse(path=folder / "warehouse.duckdb", lock_wait=31),
    stack=Stack(path=folder / "stack"),
)
require_published(build_features(request_for(run_date, attempt), settings))
"""


def test_of_one_date_and_of_two_both_succeed(shop):
    shop.deliver([("1", "a", EARLIER, D(10)), ("2", "b", EARLIER, D(20)), ("3", "a", JUNE_30, D(5))])
    steps = [(JUNE_30, 1), (JUNE_30, 2), (EARLIER, 1)]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", STEP, str(shop.folder), str(day), str(attempt)],
            cwd=PROJECT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for day, attempt in steps
    ]
    for process in running:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said

    assert shop.features(JUNE_30) == [("a", 0, 2, D(15)), ("b", 7, 1, D(20))]
    assert shop.features(EARLIER) == [("a", 0, 1, D(10)), ("b", 0, 1, D(20))]
    assert shop.query("select count(*) from run_ledger") == [(3,)]
    assert len(shop.query("select distinct run_id from rfm_features where run_date = ?", JUNE_30)) == 1
