"""Something dies every few seconds, and in the end every date is confirmed and every row is as if nothing had."""

import hashlib
import json
import sqlite3
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from tests.e2e.local_stack import TODAY, UNSCHEDULED, LocalStack, local_stack, wait_for
from tests.endurance.killer import Killer

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(3600)]

SLOWER = 40
"""A run that is killed again and again takes at most so many times as long as an undisturbed one."""
TABLES = ("rfm_features", "rfm_scores", "rfm_rejected", "rfm_models", "rejected_orders")
WITHOUT = ("run_id", "fitted_at")
"""Columns in which two attempts of a date differ: which one wrote the row, and when."""
SETTINGS = UNSCHEDULED | {
    "ORCHESTRATOR_ATTEMPTS": "20",
    "ORCHESTRATOR_ATTEMPT_DELAY": "0.2",
    "ORCHESTRATOR_START_WITHIN": "60",
    "ORCHESTRATOR_RECONCILE_CRON": "* * * * *",
    "HOUSEKEEPING_WAITERS": "0.00001",
}


def ask(stack: LocalStack, day: date, *, force: bool) -> str:
    """As a user would who gets no answer while the invoker is down: again."""

    def answered() -> str | None:
        try:
            answer = stack.invoke(day, force=force)
        except httpx.HTTPError:
            return None
        return str(answer.json()["run_id"]) if answer.status_code in (200, 202) else None

    run_id: str = wait_for(answered, 120, f"an answer for {day}")
    return run_id


def newest(stack: LocalStack, days: list[date]) -> dict[str, dict[str, Any]] | None:
    """The newest attempt of each date, when every run has ended; None as long as one has not."""
    try:
        found = httpx.get(f"{stack.record.invoker}/runs", params={"limit": 500}, timeout=30).raise_for_status().json()
    except httpx.HTTPError:
        return None
    of_days = [run for run in found["runs"] if run["run_date"] in {str(day) for day in days}]
    if any(run["state"] not in ("succeeded", "failed") for run in of_days):
        return None
    return {run["run_date"]: run for run in sorted(of_days, key=lambda run: int(run["attempt"]))}


def all_rows(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every table, without the names of the runs and the moments of their commits."""

    def read() -> dict[str, list[tuple[Any, ...]]] | None:
        try:
            with duckdb.connect(path, read_only=True) as connection:
                return {
                    table: connection.execute(
                        f"select columns(lambda c: c not in {WITHOUT}) from {table} order by all"
                    ).fetchall()
                    for table in TABLES
                }
        except duckdb.IOException:  # reconcile holds the file
            return None

    rows: dict[str, list[tuple[Any, ...]]] = wait_for(read, 120, "the warehouse file")
    return rows


def day_folder(stack: LocalStack, day: date) -> Path:
    return stack.folder / "published" / "rfm" / day.isoformat()


def published_by(stack: LocalStack, days: list[date]) -> set[str]:
    """The runs whose files the readers have."""
    return {json.loads((day_folder(stack, day) / "manifest.json").read_text())["run_id"] for day in days}


def all_files(stack: LocalStack, days: list[date]) -> dict[str, Any]:
    """What readers have of each day, without the name of the run; each file is the one that the manifest names.

    Not the report: it is made after the run, and one that is killed is told of and not made again.
    """
    found: dict[str, Any] = {}
    for day in days:
        folder = day_folder(stack, day)
        manifest = json.loads((folder / "manifest.json").read_text())
        for name in ("scores.parquet", "segments.csv", "segments.json"):
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == manifest["sha256"][name], folder / name
        scores = str(folder / "scores.parquet")
        kept = f"select columns(lambda c: c not in {WITHOUT}) from read_parquet(?) order by all"
        rows = duckdb.execute(kept, [scores]).fetchall()
        segments = json.loads((folder / "segments.json").read_text())
        found[str(day)] = [rows, (folder / "segments.csv").read_text(), segments | {"run_id": ""}]
    return found


def waiters(stack: LocalStack) -> list[str]:
    with sqlite3.connect(stack.folder / "messenger.db") as file:
        found = file.execute(
            "SELECT name FROM subscriptions WHERE run_id IS NOT NULL AND expires_at > ?", [time.time()]
        ).fetchall()
    file.close()
    return [name for (name,) in found]


def ended(stack: LocalStack, run_id: str) -> dict[str, Any] | None:
    """The run that this one went on as, when that has ended; None as long as it has not, or nobody answers."""
    try:
        run = stack.run(run_id)
        while run["continued_by"]:
            run = stack.run(run["continued_by"])
    except httpx.HTTPError:
        return None
    return run if run["state"] in ("succeeded", "failed") else None


def undisturbed(stack: LocalStack, days: list[date]) -> float:
    """Scores the days; returns the seconds that a run took on the average."""
    began = time.monotonic()
    for day in days:
        assert stack.settled(ask(stack, day, force=False), within=300)["state"] == "succeeded"
    return (time.monotonic() - began) / len(days)


def test_every_date_is_confirmed_whatever_dies(tmp_path, runs, seed):
    days = [TODAY - timedelta(days=7 * week) for week in range(max(1, runs // 3), 0, -1)]
    with local_stack(tmp_path, **SETTINGS) as stack:
        seconds = undisturbed(stack, days)
        expected = all_rows(stack.folder / "warehouse.duckdb"), all_files(stack, days)
        assert expected[0]["rfm_scores"], "tables without rows would compare nothing"
        assert expected[0]["rfm_models"]
        first = published_by(stack, days)

        print(f"seed {seed}: {runs} runs over {len(days)} dates, a kill every {seconds * 0.7:.0f} s", flush=True)
        began = time.monotonic()
        with Killer(stack, seed, seconds) as killer:
            for number in range(runs):
                asked = ask(stack, days[number % len(days)], force=True)
                run = wait_for(lambda asked=asked: ended(stack, asked), SLOWER * seconds, f"the end of {asked}")
                print(f"{time.strftime('%H:%M:%S')} {asked} has {run['state']} as {run['run_id']}", flush=True)
        print(f"killed {dict(killer.killed)} in {time.monotonic() - began:.0f} s", flush=True)
        assert sum(killer.killed.values()) > 0

        found = wait_for(lambda: newest(stack, days), SLOWER * seconds, "the end of every run")
        assert {day: run["state"] for day, run in found.items()} == {str(day): "succeeded" for day in days}, found
        assert (all_rows(stack.folder / "warehouse.duckdb"), all_files(stack, days)) == expected
        assert not published_by(stack, days) & first, "readers have the files of an earlier run"

        wait_for(lambda: stack.flow_processes() == [] or None, 180, "no process of a run")
        tidied = stack.command("-m", "prefect", "deployment", "run", "housekeeping/system", "--watch")
        assert tidied.returncode == 0, tidied.stdout
        assert waiters(stack) == []
