"""How many invocations the invoker accepts: every date is new, so each answer waits for a durable message.

`make bench-invoker`. The invoker runs as it does in the local stack (one process, embedded Messenger, its
consumers at work); Prefect is a stand-in that answers at once, so that the invoker is measured and not Prefect.
Prints and writes benchmarks/results/invoker.json.
"""

import asyncio
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

from settings import PROJECT

CONNECTIONS = 64
REQUESTS = 6000
WARM_UP = 200
RESULTS = PROJECT / "benchmarks" / "results" / "invoker.json"


@dataclass(frozen=True, slots=True)
class Figures:
    """`p50` and `p99` in milliseconds, from the request's first byte to the answer's last one."""

    what: str
    requests: int
    per_second: float
    p50: float
    p99: float
    worst: float


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


@contextmanager
def invoker(folder: Path, workers: int) -> Iterator[int]:
    """The port of an invoker that is up."""
    prefect, port = free_port(), free_port()
    environment = os.environ | {
        "PREFECT_API_URL": f"http://127.0.0.1:{prefect}/api",
        "MESSENGER_PATH": str(folder / "messenger.db"),
        "RUNS_PATH": str(folder / "register.db"),
        "INVOKER_PORT": str(port),
        "INVOKER_WORKERS": str(workers),
    }
    with (folder / "log").open("w") as log:
        commands = [["tests.invoker.prefect_stand_in", str(prefect)], ["invoker"]]
        started = [
            subprocess.Popen([sys.executable, "-m", *command], cwd=PROJECT, env=environment, stdout=log, stderr=log)
            for command in commands
        ]
        try:
            wait_for_port(port)
            yield port
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(30)


def wait_for_port(port: int) -> None:
    give_up = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.05)


async def ask(port: int, days: Iterator[str], expected: int, seconds: list[float]) -> None:
    """One connection that asks for one day after the other, without any library in the way."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for day in days:
        body = json.dumps({"run_date": day}).encode()
        head = f"POST /invoke HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        began = time.perf_counter()
        writer.write(head.encode() + body)
        answered = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        await reader.readexactly(int(answered.split("content-length: ")[1].split("\r\n")[0]))
        seconds.append(time.perf_counter() - began)
        if answered.split()[1] != str(expected):
            raise SystemExit(f"{day} was answered with {answered.splitlines()[0]}")
    writer.close()


def measure(what: str, port: int, days: Sequence[str], expected: int) -> Figures:
    seconds: list[float] = []
    remaining = iter(days)

    async def ask_all() -> float:
        began = time.perf_counter()
        await asyncio.gather(*(ask(port, remaining, expected, seconds) for _ in range(CONNECTIONS)))
        return time.perf_counter() - began

    took = asyncio.run(ask_all())
    ordered = [1000 * value for value in sorted(seconds)]
    return Figures(
        what=what,
        requests=len(ordered),
        per_second=round(len(ordered) / took, 1),
        p50=round(ordered[len(ordered) // 2], 1),
        p99=round(ordered[int(len(ordered) * 0.99)], 1),
        worst=round(ordered[-1], 1),
    )


def figures(workers: int) -> list[Figures]:
    days = [str(date(2026, 1, 1) - timedelta(days=back)) for back in range(REQUESTS + WARM_UP)]
    with tempfile.TemporaryDirectory() as folder, invoker(Path(folder), workers) as port:
        measure("warm-up", port, days[REQUESTS:], 202)
        new = measure(f"new dates, {workers} worker(s)", port, days[:REQUESTS], 202)
        known = measure(f"one known date, {workers} worker(s)", port, days[:1] * REQUESTS, 200)
        return [new, known]


def main() -> None:
    measured = [*figures(1), *figures(2)]
    for row in measured:
        print(
            f"{row.what:32} {row.per_second:8.1f} a second   p50 {row.p50:6.1f} ms   p99 {row.p99:6.1f} ms"
            f"   worst {row.worst:6.1f} ms"
        )
    machine = {"python": platform.python_version(), "cores": os.cpu_count(), "system": platform.platform()}
    told = {"connections": CONNECTIONS, "machine": machine, "figures": [asdict(row) for row in measured]}
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
