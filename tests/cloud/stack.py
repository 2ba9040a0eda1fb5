"""The whole system with its Workload in the cloud: a real Prefect server, the real invoker and orchestrator, Google's
Pub/Sub emulator, stand-ins for Cloud Run and Vertex AI, and prefect-gcp's workers between them.
"""

import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import httpx

from deployments.cloud.deploy import deploy
from deployments.cloud.environment import read_environment
from deployments.cloud.pools import pools_of
from deployments.local.record import Record
from messenger.contract import run_id_of
from settings import PROJECT, Settings
from tests.cloud.cloud_run import CloudRun
from tests.cloud.containers import Container, Machine
from tests.cloud.vertex import VertexAI
from tests.deployments.small_stack import FINAL
from tests.waiting import until

WORKER_OWN = {
    "PREFECT_WORKER_QUERY_SECONDS": "0.5",
    "PREFECT_WORKER_ENABLE_CANCELLATION": "true",
    "PREFECT_SERVER_DATABASE_CONNECTION_URL": "sqlite+aiosqlite:////nowhere/of-the-worker.db",
    "PREFECT_LOGGING_LEVEL": "DEBUG",
    "WAREHOUSE_PATH": "/nowhere/of-the-worker.duckdb",
    "OF_THE_WORKER": "a secret of its machine",
}
"""What is set where the worker runs, and must not be found in any container."""


@dataclass
class CloudStack:
    record: Record
    settings: Settings
    machine: Machine
    cloud_run: CloudRun
    vertex: VertexAI
    environment: Mapping[str, str]
    folder: Path
    worker: subprocess.Popen | None = None
    asked: list[str] = field(default_factory=list)

    def start_worker(self) -> None:
        """Returns when it polls every pool."""
        on_platforms = [pool for pool in pools_of(self.settings) if pool.type != "process"]
        pools = [f"{pool.name}={pool.type}" for pool in on_platforms]
        with (self.folder / "worker.log").open("ab") as log:
            self.worker = subprocess.Popen(
                [sys.executable, "-m", "tests.cloud.worker", self.cloud_run.url, self.vertex.address, *pools],
                cwd=PROJECT,
                env={
                    **{name: value for name, value in self.environment.items() if not name.startswith("PREFECT_")},
                    **WORKER_OWN,
                    "PREFECT_API_URL": self.record.prefect_api,
                    "PREFECT_HOME": str(self.folder / "home of the worker"),
                },
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        for pool in on_platforms:
            until(lambda pool=pool: self._polled(pool.name), 120, f"the worker of {pool.name}")

    def _polled(self, pool: str) -> bool:
        workers = self.prefect("POST", f"/work_pools/{pool}/workers/filter", json={})
        return f"cloud {self.worker.pid}" in [worker["name"] for worker in workers]

    def kill_worker(self) -> None:
        if self.worker is not None:
            self.worker.kill()
            self.worker.wait(10)

    def prefect(self, method: str, path: str, **request: Any) -> Any:
        answer = httpx.request(method, f"{self.record.prefect_api}{path}", timeout=30, **request)
        return answer.raise_for_status().json()

    def invoke(self, run_date: str) -> str:
        answer = httpx.post(f"{self.record.invoker}/invoke", json={"run_date": run_date}, timeout=30)
        return answer.raise_for_status().json()["run_id"]

    def orchestrate(self, run_date: date, **settings: str) -> str:
        """A run that is asked for in Prefect, with other settings of its orchestrator; returns its run_id."""
        found = self.prefect("GET", "/deployments/name/orchestrate/rfm")
        body = {
            "parameters": {"pipeline": "rfm", "run_date": str(run_date)},
            "job_variables": {"env": settings},
        }
        self.prefect("POST", f"/deployments/{found['id']}/create_flow_run", json=body)
        return run_id_of("rfm", run_date, 1)

    def run(self, run_id: str) -> dict[str, Any] | None:
        answer = httpx.get(f"{self.record.invoker}/runs/{run_id}", timeout=30)
        return None if answer.status_code == httpx.codes.NOT_FOUND else answer.raise_for_status().json()

    def settled(self, run_id: str, within: float = 500) -> dict[str, Any]:
        """A run that is not known yet is waited for, too."""

        def final() -> dict[str, Any] | None:
            run = self.run(run_id)
            return run if run and run["state"] in ("succeeded", "failed") else None

        return until(final, within, f"the end of {run_id}")

    def ask(self, deployment: str, command: str, **job_variables: Any) -> str:
        """A flow run whose container starts `command` in the place of a flow; returns its id."""
        found = self.prefect("GET", f"/deployments/name/{deployment}")
        label = f"test-{uuid.uuid4().hex[:8]}"
        body = {
            "name": label,
            "parameters": {},
            "enforce_parameter_schema": False,
            "job_variables": {"command": command, "labels": {"run_id": label}, **job_variables},
        }
        self.asked.append(self.prefect("POST", f"/deployments/{found['id']}/create_flow_run", json=body)["id"])
        return self.asked[-1]

    def settle_what_was_asked(self) -> None:
        """A container that runs no flow does not tell Prefect its end; until then it holds a place of its pool."""
        for flow_run in self.asked:
            done = {"state": {"type": "COMPLETED"}, "force": True}
            self.prefect("POST", f"/flow_runs/{flow_run}/set_state", json=done)
        self.asked.clear()

    def open_warehouse(self) -> duckdb.DuckDBPyConnection:
        """As soon as nobody else has the file open, and nobody has until it is closed."""
        return until(self._opened, 180, "the warehouse to be free")

    def _opened(self) -> duckdb.DuckDBPyConnection | None:
        try:
            return duckdb.connect(self.folder / "warehouse.duckdb")
        except duckdb.IOException:
            return None

    def flow_run(self, flow_run_id: str) -> dict[str, Any]:
        return self.prefect("GET", f"/flow_runs/{flow_run_id}")

    def logs(self, flow_run_id: str) -> list[str]:
        asked = {"logs": {"flow_run_id": {"any_": [flow_run_id]}}}
        return [line["message"] for line in self.prefect("POST", "/logs/filter", json=asked)]

    def flow_run_of(self, key: str) -> dict[str, Any] | None:
        asked = {"flow_runs": {"idempotency_key": {"any_": [key]}}}
        found = self.prefect("POST", "/flow_runs/filter", json=asked)
        return found[0] if found else None

    def container_of(self, key: str) -> Container:
        flow_run = self.flow_run_of(key)
        assert flow_run is not None, f"there is no flow run of {key}"
        return self.container_of_flow_run(flow_run["id"])

    def submitted(self, flow_run_id: str, within: float = 120) -> Container:
        """Its container, once the worker has written down which job it is."""
        until(lambda: self.flow_run(flow_run_id)["infrastructure_pid"], within, "the worker to write down the job")
        return self.container_of_flow_run(flow_run_id)

    def container_of_flow_run(self, flow_run_id: str, within: float = 120) -> Container:
        def found() -> Container | None:
            started = self.machine.containers
            return next((one for one in started if one.environment["PREFECT__FLOW_RUN_ID"] == flow_run_id), None)

        return until(found, within, f"the container of flow run {flow_run_id}")

    def ended(self, flow_run_id: str, within: float = 180) -> dict[str, Any]:
        def final() -> dict[str, Any] | None:
            state = self.flow_run(flow_run_id)["state"]
            return state if state["type"] in FINAL else None

        return until(final, within, f"the end of flow run {flow_run_id}")

    def register(self, settings_file: Path) -> list[str]:
        said: list[str] = []
        self.settings = read_environment(settings_file)
        deploy(self.settings, said.append, dry_run=False)
        return said
