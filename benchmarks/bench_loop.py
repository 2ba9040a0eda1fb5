"""How long a request takes to come back confirmed, and where the time goes: `make bench-loop`.

Two stacks run side by side in one session, one with the fork server behind its process pools and one with
Prefect's stock process pools; requests go to them in turn, so that a slower moment of the machine hits both.
Then a fresh clone is run as a new user would, and run again.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from benchmarks.machine import keep
from deployments.demo_data import fetch
from deployments.local.layout import Layout
from deployments.local.private import private_environment
from deployments.local.record import Record, read_record
from settings import PROJECT, get_settings

RUN_DATE = "1998-06-30"
STEPS = ("orchestrate", "features", "scoring")
WITHIN = 120.0
"""Seconds after which a run that has not ended makes the benchmark fail."""


@dataclass(frozen=True, slots=True)
class Stack:
    kind: str
    environment: Mapping[str, str]
    record: Record


@contextmanager
def running(folder: Path, kind: str) -> Iterator[Stack]:
    folder.mkdir()
    environment = private_environment(folder, get_settings().source.path, STACK_PROCESS_START=kind)
    command = [sys.executable, "-m", "deployments.local"]
    subprocess.run([*command, "up"], cwd=PROJECT, env=environment, check=True)
    try:
        record = read_record(Layout(folder / "stack").record)
        if record is None:
            raise SystemExit(f"the {kind} stack did not come up; see {folder}/stack/logs")
        yield Stack(kind, environment, record)
    finally:
        subprocess.run([*command, "down"], cwd=PROJECT, env=environment, check=True)


def confirmed_run(stack: Stack) -> Mapping[str, float]:
    """One forced run, from the POST to the moment at which its asker sees it confirmed. Seconds, by part."""
    began = time.time()
    answer = httpx.post(f"{stack.record.invoker}/invoke", json={"run_date": RUN_DATE, "force": True}, timeout=30)
    run_id = answer.raise_for_status().json()["run_id"]
    accepted = time.time()
    wait_until_final(stack, run_id, began + WITHIN)
    ended = time.time()
    return parts(flow_runs(stack, run_id, began + WITHIN), began, accepted, ended)


def wait_until_final(stack: Stack, run_id: str, deadline: float) -> None:
    while time.time() < deadline:
        run = httpx.get(f"{stack.record.invoker}/runs/{run_id}", timeout=30).raise_for_status().json()
        if run["state"] == "succeeded":
            return
        if run["state"] == "failed":
            raise SystemExit(f"{run_id} on the {stack.kind} stack failed: {run['error']}")
        time.sleep(0.05)
    raise SystemExit(f"{run_id} on the {stack.kind} stack did not end within {WITHIN:.0f} s")


def flow_runs(stack: Stack, run_id: str, deadline: float) -> Mapping[str, Mapping[str, Any]]:
    """The flow runs of the run's steps, once all have ended: a status is published before its flow run ends."""
    wanted = {"flow_runs": {"idempotency_key": {"any_": [f"{run_id}/{step}" for step in STEPS]}}}
    while time.time() < deadline:
        answer = httpx.post(f"{stack.record.prefect_api}/flow_runs/filter", json=wanted, timeout=30)
        found = answer.raise_for_status().json()
        if len(found) == len(STEPS) and all(flow_run["end_time"] for flow_run in found):
            return {flow_run["idempotency_key"].split("/")[1]: flow_run for flow_run in found}
        time.sleep(0.05)
    raise SystemExit(f"the flow runs of {run_id} on the {stack.kind} stack did not end")


def parts(found: Mapping[str, Mapping[str, Any]], began: float, accepted: float, ended: float) -> dict[str, float]:
    """Every second between `began` and `ended` stands in exactly one part."""

    def at(step: str, event: str) -> float:
        return datetime.fromisoformat(found[step][event]).timestamp()

    marks = [
        ("POST /invoke accepted", accepted),
        ("orchestrate: dispatched", at("orchestrate", "created")),
        ("orchestrate: process started", at("orchestrate", "start_time")),
        ("features: requested, dispatched", at("features", "created")),
        ("features: process started", at("features", "start_time")),
        ("features: dbt", at("features", "end_time")),
        ("scoring: confirmed features, requested, dispatched", at("scoring", "created")),
        ("scoring: process started", at("scoring", "start_time")),
        ("scoring: scored and published", at("scoring", "end_time")),
        ("confirmed, and seen by the asker", ended),
    ]
    durations, before = {}, began
    for name, moment in marks:
        durations[name] = moment - before
        before = moment
    return durations | {"total": ended - began}


def loop(repeats: int, folder: Path) -> Mapping[str, Sequence[Mapping[str, float]]]:
    """The first run of a stack parses dbt's project anew, as after a change of a model: it is not counted."""
    with running(folder / "fork", "fork") as fork, running(folder / "stock", "stock") as stock:
        stacks = (fork, stock)
        for stack in stacks:
            confirmed_run(stack)
        pairs = [[confirmed_run(stack) for stack in stacks] for _ in range(repeats)]
    return {stack.kind: [pair[number] for pair in pairs] for number, stack in enumerate(stacks)}


def fresh_and_again(folder: Path) -> Mapping[str, float]:
    """Seconds of the two commands that a new user types: clone and `make run`, then `make run` for a new attempt."""
    clone = folder / "clone"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("VIRTUAL_ENV", "MAKE"))}
    began = time.monotonic()
    subprocess.run(["git", "clone", "--quiet", str(PROJECT), str(clone)], check=True)
    subprocess.run(["make", "run"], cwd=clone, env=environment, check=True)
    fresh = time.monotonic() - began
    again = []
    for _ in range(3):
        began = time.monotonic()
        subprocess.run(["make", "run", "FORCE=1"], cwd=clone, env=environment, check=True)
        again.append(time.monotonic() - began)
    return {"fresh clone to finished make run": fresh, "make run again, median of 3": statistics.median(again)}


def loop_table(runs: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    lines = ["| seconds, median of each | fork server | stock pool | stock / fork |", "|---|---|---|---|"]
    for name in runs["fork"][0]:
        fork, stock = (statistics.median(run[name] for run in runs[kind]) for kind in ("fork", "stock"))
        lines.append(f"| {name} | {fork:.2f} | {stock:.2f} | {stock / fork if fork > 0.005 else 1:.1f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--skip-fresh", action="store_true", help="only the loop, without the fresh clone")
    options = parser.parse_args()
    fetch(get_settings().source.path)
    folder = Path(tempfile.mkdtemp(prefix="bench-loop-"))
    try:
        runs = loop(options.repeats, folder)
        commands = {} if options.skip_fresh else fresh_and_again(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    table = "\n".join([loop_table(runs), "", *(f"- {name}: {value:.0f} s" for name, value in commands.items())])
    keep("loop", {"runs": runs, "commands": commands}, table)


if __name__ == "__main__":
    main()
