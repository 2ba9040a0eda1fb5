"""A copy of the project with one small flow, and the means to look at its stack."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from deployments.local.layout import Layout
from deployments.local.leftovers import find_leftovers
from deployments.local.parts import POOLS
from deployments.local.record import Record, read_record
from deployments.local.supervise import part_states
from settings import PROJECT
from tests.waiting import until

LEFT_OUT = {"benchmarks", "examples", "flows", "tests"}
FLOW = """
import os, time
from pathlib import Path
from prefect import flow

WORD = "first"


@flow
def small(note: str, seconds: float = 0, fail: bool = False) -> None:
    Path(note).write_text(f"{os.getpid()} {WORD}")
    time.sleep(seconds)
    if fail:
        raise ValueError("asked to fail")
"""
FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


@dataclass(frozen=True, slots=True)
class SmallStack:
    project: Path
    environment: Mapping[str, str]

    @property
    def layout(self) -> Layout:
        return Layout(Path(self.environment["STACK_PATH"]))

    @property
    def record(self) -> Record:
        record = read_record(self.layout.record)
        assert record is not None, "the stack is not up"
        return record

    def start(self, command: str, **changes: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "deployments.local", command],
            cwd=self.project,
            env={**self.environment, **changes},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def call(self, command: str, **changes: str) -> tuple[int, str]:
        process = self.start(command, **changes)
        output, _ = process.communicate(timeout=180)
        return process.returncode, output

    def parts(self) -> dict[str, int]:
        """The pid of each part that runs."""
        return {state["name"]: state["pid"] for state in part_states(self.layout) if state["pid"]}

    def processes(self) -> list[psutil.Process]:
        return find_leftovers(self.layout.root)

    def ask(self, pool: str, note: Path, **parameters: Any) -> str:
        """A flow run on the pool; returns its id."""
        deployment = self.prefect("GET", f"/deployments/name/small/{pool}")["id"]
        body = {"parameters": {"note": str(note), **parameters}}
        return str(self.prefect("POST", f"/deployments/{deployment}/create_flow_run", json=body)["id"])

    def state(self, run: str) -> dict[str, Any]:
        return self.prefect("GET", f"/flow_runs/{run}")["state"]

    def settled(self, run: str, within: float = 60) -> dict[str, Any]:
        def final() -> dict[str, Any] | None:
            state = self.state(run)
            return state if state["type"] in FINAL else None

        return until(final, within, f"the end of flow run {run}")

    def prefect(self, method: str, path: str, **request: Any) -> Any:
        answer = httpx.request(method, f"{self.record.prefect_api}{path}", timeout=30, **request)
        return answer.raise_for_status().json()


def make_project(folder: Path) -> Path:
    project = folder / "project"
    project.mkdir()
    for name in {package.parent.name for package in PROJECT.glob("*/__init__.py")} - LEFT_OUT:
        shutil.copytree(PROJECT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    for module in PROJECT.glob("*.py"):
        shutil.copy2(module, project)
    (project / "flows").mkdir()
    (project / "flows" / "small.py").write_text(FLOW)
    entry = "  - {{name: {0}, entrypoint: flows/small.py:small, work_pool: {{name: {0}}}}}"
    (project / "prefect.yaml").write_text("\n".join(["pull: []", "deployments:", *map(entry.format, POOLS)]))
    return project
