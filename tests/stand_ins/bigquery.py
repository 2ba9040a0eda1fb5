"""Starts the BigQuery stand-in, a process of its own in an environment of its own, and ends it."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from deployments.emulator import die_with_parent, free_port
from settings import PROJECT

PYTHON = PROJECT / ".stand-ins" / "bin" / "python"
NOT_INSTALLED = "the BigQuery stand-in is not installed: make stand-ins"
STARTS_WITHIN = 60.0
EXTENSION = "duckdb_extension_spatial/extensions/v1.5.5/spatial.duckdb_extension"


@dataclass(frozen=True)
class StandIn:
    endpoint: str
    storage_endpoint: str
    pid: int


@contextmanager
def running_stand_in(folder: Path) -> Iterator[StandIn]:
    """Its log is in `folder`; it keeps all data in memory. Raises RuntimeError when it does not start."""
    log, rest, grpc = folder / "bqemulator.log", free_port(), free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(PYTHON, PROJECT / "tests" / "stand_ins" / "mended_bqemulator.py", "start"),
                *("--rest-port", str(rest), "--grpc-port", str(grpc), "--log-level", "warning"),
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HOME": str(_home(folder)), "BQEMU_ENABLE_FORMAT_EXTENSIONS": "false"},
            preexec_fn=die_with_parent,
        )
    try:
        endpoint = f"http://127.0.0.1:{rest}"
        _wait_until_it_serves(process, endpoint, log)
        yield StandIn(endpoint, f"127.0.0.1:{grpc}", process.pid)
    finally:
        process.kill()
        process.wait()


def _home(folder: Path) -> Path:
    """DuckDB looks for extensions below the home folder, and would fetch one that is not there."""
    [extension] = (PROJECT / ".stand-ins" / "lib").glob(f"python3.*/site-packages/{EXTENSION}")
    there = folder / "home" / ".duckdb" / "extensions" / "v1.5.5" / _platform()
    there.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(extension, there / extension.name)
    return folder / "home"


def _platform() -> str:
    command = [PYTHON, "-c", "import duckdb; print(duckdb.sql('pragma platform').fetchone()[0])"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _wait_until_it_serves(process: subprocess.Popen[bytes], endpoint: str, log: Path) -> None:
    give_up = time.monotonic() + STARTS_WITHIN
    while True:
        try:
            httpx.get(f"{endpoint}/bigquery/v2/projects/any/datasets", timeout=5)
            return
        except httpx.TransportError:
            if process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"the BigQuery stand-in did not start:\n{log.read_text()[-2000:]}") from None
            time.sleep(0.05)
