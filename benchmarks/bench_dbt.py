"""What it costs to see dbt node by node in Prefect: `make bench-dbt`.

The step's build on the demo orders, as the SQL runner does it: in a process forked from one that has the libraries
imported, the project read before. With the bare dbt runner, through prefect-dbt as the step uses it, and through
prefect-dbt as it comes; in turn, so that a slower moment of the machine hits all, against a Prefect server of its
own.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
import traceback
from ast import literal_eval
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.bench_loop import running
from benchmarks.machine import keep
from deployments.demo_data import fetch
from deployments.process.server import COMMON, PRELOADS, import_all
from messenger.contract import RunRequest, run_id_of
from settings import Settings, Stack, Warehouse, get_settings

RUN_DATE = date(1998, 6, 30)
BARE, OURS, THEIRS = "bare dbt", "through prefect-dbt", "prefect-dbt as it comes"
Figures = Mapping[str, float]


def as_it_comes(parsed: Any, command: list[str]) -> Any:
    """PrefectDbtRunner without the changes of tasks/run_dbt.py, until all its task runs have ended."""
    from dbt_common.events.base_types import EventLevel
    from prefect_dbt import PrefectDbtRunner, PrefectDbtSettings

    from workload.sql import DBT_PROJECT

    settings = PrefectDbtSettings(project_dir=DBT_PROJECT, profiles_dir=DBT_PROJECT, log_level=EventLevel.WARN)
    runner = PrefectDbtRunner(manifest=parsed, settings=settings, raise_on_failure=False, disable_assets=True)
    outcome = runner.invoke(command)
    for thread in threading.enumerate():
        if "run_task" in thread.name:
            thread.join()
    return outcome


def ways() -> Mapping[str, Callable[[Any, list[str]], Any]]:
    from tasks.run_dbt import run_in_prefect
    from workload.sql import bare

    return {BARE: bare, OURS: run_in_prefect, THEIRS: as_it_comes}


def build(way: str, folder: Path) -> Figures:
    """One build in a flow run. Seconds of wall-clock time, and `processor` of this process."""
    from prefect import flow

    from wiring import open_warehouse
    from workload.features import build_features
    from workload.sql import require_published

    settings = Settings(warehouse=Warehouse(path=folder / "warehouse.duckdb"), stack=Stack(path=folder / "stack"))
    now = datetime.now(UTC)
    request = RunRequest(
        run_id=run_id_of("rfm", RUN_DATE, 1),
        pipeline="rfm",
        step="features",
        run_date=RUN_DATE,
        attempt=1,
        requested_by="bench",
        requested_at=now,
        deadline=now + timedelta(hours=1),
    )

    @flow(name=way)
    def measured() -> Figures:
        open_warehouse(settings).prepare()
        processor = time.process_time()
        done = build_features(request, settings, by=ways()[way])
        require_published(done)
        return {
            "read": done.parse_seconds,
            "build": done.build_seconds,
            "total": done.parse_seconds + done.build_seconds,
            "processor": time.process_time() - processor,
        }

    return measured()


def forked(way: str, folder: Path) -> Figures:
    """The figures of a child, which ends without clean-up: only its figures matter."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            figures = build(way, folder)
            os.write(writing, repr(tuple(figures.items())).encode())
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    if not text:
        raise SystemExit(f"the build {way} failed, see above")
    return dict(literal_eval(text))


def measure(repeats: int, folder: Path) -> Mapping[str, Sequence[Figures]]:
    """The first build of each kind is not counted: it reads the project anew, as after a change of a model."""
    with running(folder / "prefect", "fork") as stack:
        os.environ["PREFECT_API_URL"] = stack.record.prefect_api
        os.environ["PREFECT_LOGGING_LEVEL"] = "ERROR"
        import_all((*COMMON, *PRELOADS["sql-runner"]))
        for way in (BARE, OURS, THEIRS):
            forked(way, folder)
        rounds = [{way: forked(way, folder) for way in (BARE, OURS, THEIRS)} for _ in range(repeats)]
    return {way: [one[way] for one in rounds] for way in (BARE, OURS, THEIRS)}


def table(found: Mapping[str, Sequence[Figures]]) -> str:
    lines = ["| median seconds | read | build | total | processor | build / bare |", "|---|---|---|---|---|---|"]
    of_bare = statistics.median(figures["build"] for figures in found[BARE])
    for way, all_figures in found.items():
        median = {name: statistics.median(figures[name] for figures in all_figures) for name in all_figures[0]}
        cells = [f"{median[name]:.2f}" for name in ("read", "build", "total", "processor")]
        lines.append(f"| {way} | {' | '.join(cells)} | {median['build'] / of_bare:.2f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    fetch(get_settings().source.path)
    folder = Path(tempfile.mkdtemp(prefix="bench-dbt-"))
    try:
        found = measure(repeats, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    keep("dbt", found, table(found))


if __name__ == "__main__":
    main()
