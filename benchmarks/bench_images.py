"""How large the images' packages are, how long what an image starts takes to import, and a container to the first line
of its step.

`make bench-images`. Each image's lock and code are laid out alone, with bytecode, as the Dockerfile does. A step is
started against a real Prefect server as its pool starts it, by tasks/execute.py, which starts the flow in a second
process and watches for its cancellation; and, to see what that costs, by that second process alone. Its first
line is the news that it has started.
"""

import shlex
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from benchmarks.machine import keep
from deployments.images.dockerfile import read_targets
from deployments.images.environment import Laid, lay_out
from deployments.local.ports import choose_port
from deployments.registration.pools import filled_template
from messenger.contract import RunRequest, RunStatus, run_id_of
from messenger.embedded import EmbeddedMessenger
from messenger.messenger import REGISTER_STATUSES

REPEATS = 5
DAY = date(2026, 1, 5)
NOW = datetime(2026, 1, 5, tzinfo=UTC)
STEPS = {"sql-runner": "features", "rfm": "scoring"}
POOLS = {"sql-runner": "cloud-run-v2", "rfm": "vertex-ai"}
IMPORTS = {
    "invoker": "invoker.app",
    "sql-runner": "flows.features",
    "rfm": "flows.scoring",
    "worker": "prefect.cli.worker, prefect_gcp.workers.cloud_run_v2",
    "prefect-server": "prefect.server.api.server",
}
"""What the command of each image imports before it does anything."""
ENTRIES = ("pool", "flow alone")
TARGETS = {"sql-runner": 4.0, "rfm": 3.0}
STARTS_WITHIN = 120.0


@contextmanager
def server(laid: Laid) -> Iterator[str]:
    port = choose_port(0)
    api = f"http://127.0.0.1:{port}/api"
    command = [*laid.target.command[:-4], "--host", "127.0.0.1", "--port", str(port)]
    environment = laid.environment(PREFECT_API_URL=api)
    process = subprocess.Popen(command, cwd=laid.code, env=environment, stdout=subprocess.DEVNULL)
    try:
        _wait_for(f"{api}/health")
        yield api
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(url: str) -> None:
    give_up = time.monotonic() + STARTS_WITHIN
    while True:
        try:
            if httpx.get(url, timeout=5).is_success:
                return
        except httpx.TransportError:
            if time.monotonic() > give_up:
                raise
        time.sleep(0.1)


def size_of(laid: Laid) -> int:
    """Bytes of packages and bytecode."""
    return sum(file.stat().st_size for file in laid.packages.rglob("*") if file.is_file())


def import_time(laid: Laid) -> float:
    """Seconds of a process that imports what the image starts, from its start to its end."""
    command = ["python3", "-c", f"import {IMPORTS[laid.target.name]}"]
    began = time.monotonic()
    subprocess.run(command, cwd=laid.code, env=laid.environment(), capture_output=True, check=True)
    return time.monotonic() - began


def flow_run(api: str, step: str, number: int) -> str:
    request = RunRequest(
        run_id=run_id_of("rfm", DAY, number),
        pipeline="rfm",
        step=step,
        run_date=DAY,
        attempt=number,
        parameters={},
        requested_by="benchmark",
        requested_at=NOW,
        deadline=NOW,
    )
    flow = httpx.post(f"{api}/flows/", json={"name": step}).raise_for_status().json()
    wanted = {"name": "image", "flow_id": flow["id"], "entrypoint": f"flows/{step}.py:{step}", "path": "."}
    deployment = httpx.post(f"{api}/deployments/", json=wanted).raise_for_status().json()
    run = httpx.post(
        f"{api}/deployments/{deployment['id']}/create_flow_run",
        json={"parameters": {"request": request.model_dump(mode="json")}, "state": {"type": "PENDING"}},
    )
    return str(run.raise_for_status().json()["id"])


def command_of(laid: Laid, entry: str) -> Sequence[str]:
    if entry == "flow alone":
        return ["python3", "-m", "prefect.engine"]
    template = filled_template(POOLS[laid.target.name], {})
    return shlex.split(template["variables"]["properties"]["command"]["default"])


def first_line(laid: Laid, api: str, number: int, entry: str) -> float:
    """Seconds from the start of the container's command to the step's news that it has started."""
    messages = laid.folder / f"messenger-{number}.db"
    messenger = EmbeddedMessenger(messages)
    messenger.setup()
    environment = laid.environment(
        PREFECT_API_URL=api,
        PREFECT__FLOW_RUN_ID=flow_run(api, STEPS[laid.target.name], number),
        MESSENGER_PATH=str(messages),
    )
    began = time.time()
    subprocess.run(command_of(laid, entry), cwd=laid.code, env=environment, capture_output=True, check=False)
    told = [RunStatus.model_validate_json(one.body) for one in messenger.pull(REGISTER_STATUSES, limit=9, wait=0)]
    messenger.close()
    return next(status.at.timestamp() for status in told if status.state == "started") - began


def measured(folder: Path) -> Mapping[str, Mapping[str, Any]]:
    laid = {}
    for name, target in read_targets().items():
        (folder / name).mkdir()
        laid[name] = lay_out(target, folder / name, compiled=True)
    figures: dict[str, dict[str, Any]] = {name: {"megabytes": size_of(one) / 1e6} for name, one in laid.items()}
    for name, one in laid.items():
        import_time(one)  # the first one reads everything from the disk
        figures[name]["import"] = [import_time(one) for _ in range(REPEATS)]
    with server(laid["prefect-server"]) as api:
        for number in range(1, REPEATS + 1):
            for name in STEPS:
                for place, entry in enumerate(ENTRIES):
                    taken = first_line(laid[name], api, number * len(ENTRIES) + place, entry)
                    figures[name].setdefault(entry, []).append(taken)
    return figures


def table_of(figures: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [
        "| Image | packages, MB | import, s | entry to the step's first line, s | at the most, s | the flow alone, s |",
        "|---|---|---|---|---|---|",
    ]
    for name, one in figures.items():
        imported, entry, alone = (_shown(one.get(which, [])) for which in ("import", *ENTRIES))
        shown = [f"`{name}`", f"{one['megabytes']:.0f}", imported, entry, str(TARGETS.get(name, "")), alone]
        lines.append(f"| {' | '.join(shown)} |")
    return "\n".join(lines)


def _shown(seconds: Sequence[float]) -> str:
    return f"{median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})" if seconds else ""


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="images-") as folder:
        figures = measured(Path(folder))
    keep("images", figures, table_of(figures))


if __name__ == "__main__":
    main()
