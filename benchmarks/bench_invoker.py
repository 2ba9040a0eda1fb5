"""How many invocations the invoker accepts: every date is new, so each answer waits for a durable message.

`make bench-invoker`. The invoker runs as in the local stack (one process, embedded Messenger, its consumers at
work); Prefect is a stand-in that answers at once, so that the invoker is measured and not Prefect. Client,
stand-in and invoker share the machine. Then the dispatch is measured, with the real Prefect server of a local stack.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

from benchmarks import invoker_dispatch
from benchmarks.machine import keep
from deployments.local.ports import choose_port
from settings import PROJECT
from tests.invoker.load import ask

CONNECTIONS = 64
RATE = 300.0
"""Invocations a second that the invoker has to accept."""
REQUESTS = 6000
WARM_UP = 300
TARGET = f"To reach: {RATE:g} accepted a second, and p99 of 100 ms, at {CONNECTIONS} connections."


@dataclass(frozen=True, slots=True)
class Figures:
    """`p50`, `p99` and `worst` in milliseconds, from when a request was due to the end of its answer."""

    what: str
    requests: int
    per_second: float
    p50: float
    p99: float
    worst: float


@contextmanager
def running(folder: Path, **settings: str) -> Iterator[int]:
    """The port of an invoker that is up, and has a Prefect to dispatch to."""
    prefect, port = choose_port(0), choose_port(0)
    environment = os.environ | {
        "PREFECT_API_URL": f"http://127.0.0.1:{prefect}/api",
        "MESSENGER_PATH": str(folder / "messenger.db"),
        "RUNS_PATH": str(folder / "register.db"),
        "RUNS_URL": "",
        "INVOKER_PORT": str(port),
        **settings,
    }
    with (folder / "log").open("w") as log:
        commands = [["tests.invoker.prefect_stand_in", str(prefect)], ["invoker"]]
        started = [
            subprocess.Popen([sys.executable, "-m", *command], cwd=PROJECT, env=environment, stdout=log, stderr=log)
            for command in commands
        ]
        try:
            _wait_for(port, started[-1])
            yield port
        except SystemExit:
            print(_faults(folder / "log"))
            raise
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(30)


def _faults(log: Path) -> str:
    """The first fault in the invoker's log, with its traceback."""
    lines = log.read_text().splitlines()
    first = next((number for number, line in enumerate(lines) if " broke" in line), len(lines))
    return "\n".join(lines[first : first + 80])


def _wait_for(port: int, invoker: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if invoker.poll() is not None or time.monotonic() > give_up:
                raise SystemExit("the invoker did not come up") from None
            time.sleep(0.1)
        else:
            return


def measure(what: str, port: int, days: Sequence[str], *, expected: int, per_second: float | None = None) -> Figures:
    began = time.perf_counter()
    asked = ask(port, days, connections=CONNECTIONS, per_second=per_second)
    took = time.perf_counter() - began
    if wrong := [one for one in asked if one.status != expected]:
        raise SystemExit(f"{len(wrong)} of {len(asked)} were answered otherwise: {wrong[0]}")
    ordered = sorted(1000 * one.seconds for one in asked)
    p50, p99 = (round(ordered[int(len(ordered) * part)], 1) for part in (0.5, 0.99))
    return Figures(what, len(asked), round(len(asked) / took, 1), p50, p99, round(ordered[-1], 1))


def figures() -> list[Figures]:
    days = [str(date(2026, 1, 1) - timedelta(days=back)) for back in range(2 * REQUESTS + WARM_UP)]
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as port:
        ask(port, days[2 * REQUESTS :], connections=CONNECTIONS)
        return [
            measure(f"new dates, {RATE:g} a second", port, days[:REQUESTS], expected=202, per_second=RATE),
            measure("new dates, as fast as answered", port, days[REQUESTS : 2 * REQUESTS], expected=202),
            measure("one known date, as fast as answered", port, days[:1] * REQUESTS, expected=200),
        ]


def table(rows: Sequence[Figures]) -> str:
    head = f"{CONNECTIONS:2} connections{'':24}   a second    p50 ms    p99 ms  worst ms"
    lines = [f"{row.what:38} {row.per_second:10.1f} {row.p50:9.1f} {row.p99:9.1f} {row.worst:9.1f}" for row in rows]
    return "\n".join([head, *lines, "", TARGET])


def main() -> None:
    rows, dispatched = figures(), invoker_dispatch.dispatched()
    kept: Mapping[str, object] = {
        "connections": CONNECTIONS,
        "rows": [asdict(row) for row in rows],
        "dispatched": [asdict(row) for row in dispatched],
    }
    keep("invoker", kept, f"{table(rows)}\n\n{invoker_dispatch.table(dispatched)}")


if __name__ == "__main__":
    main()
