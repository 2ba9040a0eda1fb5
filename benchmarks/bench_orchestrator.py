"""How fast the Orchestrator goes on and notices a death, and what the stack bears: `make bench-orchestrator`.

On a private local stack with the demo orders: how long after a step's last word its orchestrator goes on; how soon it
knows that a step's process was killed, alone and together with its worker; twenty dates asked for at once, then
forty flow runs at once, while the Prefect server's health is asked ten times a second; and the memory of the idle
stack, part by part.
"""

import argparse
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.bench_loop import Stack, running
from benchmarks.machine import keep
from deployments.demo_data import fetch
from deployments.local.layout import Layout
from deployments.local.orphans import flow_run_processes
from deployments.local.status import memory_of
from deployments.local.supervise import part_states
from settings import get_settings

LAST = date(1998, 6, 30)
DATES, BURST = 20, 40
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
WITHIN = 600.0
GOES_ON, KILLED, BOTH_KILLED, IDLE = 200, 5, 120, 1500
"""Milliseconds, seconds, seconds, MB: wanted at the most."""
ASK_HEALTH_EVERY = 0.1


@dataclass(slots=True)
class Health:
    """Seconds that each answer of the server's health took; `failed`: how many did not come within two seconds."""

    answers: list[float] = field(default_factory=list)
    failed: int = 0


@contextmanager
def watched(stack: Stack) -> Iterator[Health]:
    health, done = Health(), threading.Event()

    def ask() -> None:
        while not done.wait(ASK_HEALTH_EVERY):
            began = time.monotonic()
            try:
                httpx.get(f"{stack.record.prefect_api}/health", timeout=10).raise_for_status()
            except httpx.HTTPError:
                health.failed += 1
            took = time.monotonic() - began
            health.answers.append(took)
            health.failed += took > 2

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield health
    finally:
        done.set()
        thread.join()


def until(look: Callable[[], Any], what: str) -> Any:
    give_up = time.monotonic() + WITHIN
    while not (found := look()):
        if time.monotonic() > give_up:
            raise SystemExit(f"waited {WITHIN:.0f} s in vain for {what}")
        time.sleep(0.05)
    return found


def invoke(stack: Stack, day: date) -> str:
    body = {"run_date": day.isoformat(), "force": True}
    return str(httpx.post(f"{stack.record.invoker}/invoke", json=body, timeout=60).raise_for_status().json()["run_id"])


def run_of(stack: Stack, run_id: str) -> dict[str, Any]:
    answer = httpx.get(f"{stack.record.invoker}/runs/{run_id}", timeout=60)
    return dict(answer.raise_for_status().json())


def settled(stack: Stack, run_id: str) -> dict[str, Any]:
    def final() -> dict[str, Any] | None:
        run = run_of(stack, run_id)
        return run if run["state"] in ("succeeded", "failed") else None

    run: dict[str, Any] = until(final, f"the end of {run_id}")
    return run


def flow_run(stack: Stack, run_id: str, step: str) -> dict[str, Any] | None:
    wanted = {"flow_runs": {"idempotency_key": {"any_": [f"{run_id}/{step}"]}}}
    found = httpx.post(f"{stack.record.prefect_api}/flow_runs/filter", json=wanted, timeout=60).json()
    return found[0] if found else None


def wait_ended(stack: Stack, run_id: str, step: str) -> float | None:
    """When the orchestrator's wait for this step ended, as seconds since 1970; None while it waits."""
    orchestrator = flow_run(stack, run_id, "orchestrate")
    if orchestrator is None:
        return None
    wanted = {"flow_runs": {"id": {"any_": [orchestrator["id"]]}}, "sort": "EXPECTED_START_TIME_ASC"}
    found = httpx.post(f"{stack.record.prefect_api}/task_runs/filter", json=wanted, timeout=60).json()
    ends = [one["end_time"] for one in found if one["name"].startswith(f"wait for {step}") and one["end_time"]]
    return datetime.fromisoformat(ends[0]).timestamp() if ends else None


def goes_on(stack: Stack, repeats: int) -> list[float]:
    """Seconds from a step's last status to the end of the wait for it."""
    delays = []
    for number in range(repeats):
        run = settled(stack, invoke(stack, LAST - timedelta(days=number)))
        told = {step["step"]: datetime.fromisoformat(step["at"]).timestamp() for step in run["steps"]}
        for step in set(told) - {"orchestrate", "report"}:
            waited = until(partial(wait_ended, stack, run["run_id"], step), f"the end of the wait for {step}")
            delays.append(waited - told[step])
    return delays


def noticed(stack: Stack, *, worker_too: bool) -> float:
    """Seconds from the kill of the features' process to the end of the wait for it."""
    run_id = invoke(stack, LAST)

    def kill() -> float | None:
        step = flow_run(stack, run_id, "features")
        if step is None or step["state_type"] != "RUNNING":
            return None
        doomed = [process for carried, process in flow_run_processes(stack_folder(stack)) if carried == step["id"]]
        if worker_too:
            workers = next(one["pid"] for one in part_states(Layout(stack_folder(stack))) if one["name"] == "workers")
            doomed.insert(0, psutil.Process(workers))
        for process in doomed:
            process.kill()
        return time.time() if doomed else None

    killed: float = until(kill, "the process of the features")
    waited: float = until(partial(wait_ended, stack, run_id, "features"), "the end of the wait")
    return waited - killed


def stack_folder(stack: Stack) -> Path:
    return Path(stack.environment["STACK_PATH"])


def at_once(stack: Stack) -> Mapping[str, Any]:
    """Twenty dates at once, until all are confirmed."""
    with watched(stack) as health:
        began = time.monotonic()
        runs = [invoke(stack, LAST - timedelta(days=7 * number)) for number in range(DATES)]
        states = [settled(stack, run_id)["state"] for run_id in runs]
        took = time.monotonic() - began
    return {"confirmed": states.count("succeeded"), "seconds": took, **_told(health)}


def burst(stack: Stack) -> Mapping[str, Any]:
    """Forty flow runs at once, until all have ended."""
    api = stack.record.prefect_api
    deployment = httpx.get(f"{api}/deployments/name/housekeeping/system", timeout=60).raise_for_status().json()["id"]
    with watched(stack) as health:
        began = time.monotonic()
        body = {"parameters": {"dry_run": True}}
        path = f"{api}/deployments/{deployment}/create_flow_run"
        made = [httpx.post(path, json=body, timeout=60).raise_for_status().json()["id"] for _ in range(BURST)]
        wanted = {"flow_runs": {"id": {"any_": made}, "state": {"type": {"any_": list(ENDED)}}}}
        count = f"{api}/flow_runs/count"
        until(lambda: httpx.post(count, json=wanted, timeout=60).json() == BURST, "the end of the burst")
        took = time.monotonic() - began
    return {"ended": BURST, "seconds": took, **_told(health)}


def _told(health: Health) -> dict[str, Any]:
    return {"slowest health answer": max(health.answers), "health answers over 2 s": health.failed}


def memory(stack: Stack) -> dict[str, float]:
    """MB of each part with its children, shared pages counted once."""
    parts = part_states(Layout(stack_folder(stack)))
    return {str(part["name"]): memory_of(part["pid"]) / 2**20 for part in parts if part["pid"]}


def table(figures: Mapping[str, Any]) -> str:
    delays, deaths, used = figures["goes on"], figures["process"], figures["memory"]
    lines = [
        "| | measured | wanted |",
        "|---|---|---|",
        f"| status published to orchestrator goes on, p50 of {len(delays)} | {statistics.median(delays) * 1000:.0f} ms"
        f" | {GOES_ON} ms |",
        f"| a step's process killed, noticed after, slowest of {len(deaths)} | {max(deaths):.1f} s | {KILLED} s |",
        f"| process and worker killed together, noticed after | {figures['both']:.0f} s | {BOTH_KILLED} s |",
    ]
    for name, wanted in (("dates at once", f"{DATES} confirmed"), ("flow runs at once", f"{BURST} ended")):
        one = figures[name]
        done = one.get("confirmed", one.get("ended"))
        lines.append(f"| {name} | {done} in {one['seconds']:.0f} s | {wanted} |")
        lines.append(f"| the server's slowest health answer meanwhile | {one['slowest health answer']:.2f} s | 2 s |")
    lines.append(f"| memory of the idle stack | {sum(used.values()):.0f} MB | {IDLE} MB |")
    parts = (f"- {name}: {size:.0f} MB" for name, size in sorted(used.items()))
    return "\n".join([*lines, "", *parts, "", verdict(figures)])


def verdict(figures: Mapping[str, Any]) -> str:
    """One line: which of the figures are not what is wanted."""
    reached = {
        "goes on": statistics.median(figures["goes on"]) * 1000 <= GOES_ON,
        "process killed": max(figures["process"]) <= KILLED,
        "process and worker killed": figures["both"] <= BOTH_KILLED,
        "dates at once": figures["dates at once"]["confirmed"] == DATES,
        "the server's answers": not any(
            figures[name]["health answers over 2 s"] for name in ("dates at once", "flow runs at once")
        ),
        "memory": sum(figures["memory"].values()) <= IDLE,
    }
    missed = [name for name, is_reached in reached.items() if not is_reached]
    return f"Verdict: not reached: {', '.join(missed)}." if missed else "Verdict: all figures are reached."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    fetch(get_settings().source.path)
    folder = Path(tempfile.mkdtemp(prefix="bench-orchestrator-"))
    try:
        with running(folder / "fork", "fork") as stack:
            used = memory(stack)
            figures = {
                "goes on": goes_on(stack, options.repeats),
                "process": [noticed(stack, worker_too=False) for _ in range(3)],
                "both": noticed(stack, worker_too=True),
                "dates at once": at_once(stack),
                "flow runs at once": burst(stack),
                "memory": used,
            }
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    keep("orchestrator", figures, table(figures))


if __name__ == "__main__":
    main()
