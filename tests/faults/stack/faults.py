"""What can be broken in a running stack, by real kills at points that can be seen from outside."""

import json
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import httpx
import psutil

from deployments.local.layout import Layout
from deployments.local.supervise import part_states
from tests.e2e.local_stack import TODAY, LocalStack, wait_for
from tests.receivers import WebReceiver

FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
MINUTE = 60.0
"""Seconds that the Prefect server answers nobody: longer than what its clients wait for one answer, and than two
heartbeats of a flow run are apart.
"""


class Faults:
    def __init__(self, stack: LocalStack, told: WebReceiver) -> None:
        self.stack = stack
        self.told = told
        self._stopped: list[psutil.Process] = []

    def mend(self) -> None:
        for process in self._stopped:
            if process.is_running():
                process.resume()

    def ask(self, days_ago: int) -> tuple[date, str]:
        """Asks for a date that no other test asks for; returns it with its run_id."""
        day = TODAY - timedelta(days=days_ago)
        run_id: str = self.stack.invoke(day).json()["run_id"]
        return day, run_id

    def schedule(self, days_ago: int) -> str:
        """A flow run of the Orchestrator that Prefect has for tomorrow, about a date of its own; returns its id."""
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        later = {"type": "SCHEDULED", "state_details": {"scheduled_time": tomorrow}}
        return self.orchestrate(TODAY - timedelta(days=days_ago), state=later)

    def state(self, flow_run_id: str) -> str:
        return str(self.prefect("GET", f"/flow_runs/{flow_run_id}")["state_type"])

    def prefect(self, method: str, path: str, **body: Any) -> Any:
        answer = httpx.request(method, f"{self.stack.record.prefect_api}{path}", timeout=30, **body)
        return answer.raise_for_status().json()

    def flow_run(self, key: str) -> dict[str, Any] | None:
        wanted = {"flow_runs": {"idempotency_key": {"any_": [key]}}}
        try:
            found = self.prefect("POST", "/flow_runs/filter", json=wanted)
        except httpx.HTTPError:
            return None
        return found[0] if found else None

    def step(self, run_id: str, step: str) -> dict[str, Any] | None:
        """What is known of the step; None as long as nothing is, or there is no such run yet."""
        run = next((run for run in self.stack.runs() if run["run_id"] == run_id), None)
        return next((one for one in run["steps"] if one["step"] == step), None) if run else None

    def under_way(self, run_id: str, step: str, within: float = 180) -> psutil.Process:
        """The process that the worker started for the step, once the step has said that it works."""

        def look() -> psutil.Process | None:
            news = self.step(run_id, step)
            if news is None or news["state"] != "started":
                return None
            return next(iter(self.stack.flow_processes(news["flow_run_id"])), None)

        return wait_for(look, within, f"{step} of {run_id} under way")

    def starting(self, run_id: str, step: str, within: float = 180) -> psutil.Process:
        """The process that the worker started for the step, as soon as there is one: it has done nothing yet."""

        def look() -> psutil.Process | None:
            flow_run = self.flow_run(f"{run_id}/{step}")
            return next(iter(self.stack.flow_processes(flow_run["id"])), None) if flow_run else None

        return wait_for(look, within, f"the process of {step} of {run_id}")

    def kill_step(self, run_id: str, step: str) -> None:
        self.under_way(run_id, step).kill()

    def part(self, name: str) -> psutil.Process:
        states = {state["name"]: state["pid"] for state in part_states(Layout(self.stack.folder / "stack"))}
        return psutil.Process(states[name])

    def kill_part(self, name: str) -> None:
        os.kill(self.part(name).pid, signal.SIGKILL)

    def stop_part(self, name: str) -> psutil.Process:
        """It hangs until it is resumed."""
        return self.stop(self.part(name))

    @contextmanager
    def hanging_server(self, server: psutil.Process | None = None) -> Iterator[None]:
        """The Prefect server hangs for a minute, and longer if what is done meanwhile takes longer."""
        server = server or self.part("prefect-server")
        since = time.monotonic()
        self.stop(server)
        yield
        time.sleep(max(0.0, since + MINUTE - time.monotonic()))  # the minute is the fault itself
        server.resume()

    def stop(self, process: psutil.Process) -> psutil.Process:
        process.suspend()
        self._stopped.append(process)
        return process

    @contextmanager
    def paused_pool(self, name: str) -> Iterator[None]:
        """Its worker takes no flow run."""
        api = f"{self.stack.record.prefect_api}/work_pools/{name}"
        httpx.patch(api, json={"is_paused": True}, timeout=30).raise_for_status()
        try:
            yield
        finally:
            httpx.patch(api, json={"is_paused": False}, timeout=30).raise_for_status()

    @contextmanager
    def locked_messenger(self) -> Iterator[None]:
        """Nobody can publish; who waits for messages still reads, and finds none."""
        with sqlite3.connect(self.stack.folder / "messenger.db", isolation_level=None) as file:
            file.execute("BEGIN IMMEDIATE")
            try:
                yield
            finally:
                file.execute("ROLLBACK")
        file.close()

    @contextmanager
    def held_warehouse(self) -> Iterator[None]:
        """Another process has the file open: every step waits for it."""

        def opened() -> duckdb.DuckDBPyConnection | None:
            try:
                return duckdb.connect(self.stack.folder / "warehouse.duckdb")
            except duckdb.IOException:  # a step holds the file
                return None

        with wait_for(opened, 60, "the warehouse file"):
            yield

    @contextmanager
    def lost_statuses(self, run_id: str, step: str) -> Iterator[None]:
        """The Messenger takes the step's last word, and delivers it to nobody."""
        with sqlite3.connect(self.stack.folder / "messenger.db", timeout=10) as file:
            file.execute(
                f"""
                CREATE TRIGGER lost BEFORE INSERT ON deliveries
                WHEN NEW.topic = 'statuses' AND json_extract(NEW.attributes, '$.run_id') = '{run_id}'
                    AND json_extract(NEW.attributes, '$.step') = '{step}'
                    AND json_extract(CAST(NEW.body AS TEXT), '$.state') <> 'started'
                BEGIN SELECT RAISE(IGNORE); END
                """
            )
        file.close()
        try:
            yield
        finally:
            with sqlite3.connect(self.stack.folder / "messenger.db", timeout=10) as file:
                file.execute("DROP TRIGGER lost")
            file.close()

    @contextmanager
    def held_publication(self, run_date: date, run_id: str) -> Iterator[None]:
        """The run writes its scores.parquet, and hangs at its next file: nobody reads from the pipe in its place."""
        folder = self.published(run_date)
        folder.mkdir(parents=True, exist_ok=True)
        pipe = folder / f".segments.csv.{run_id}"
        os.mkfifo(pipe)
        try:
            yield
        finally:
            pipe.unlink()

    def published(self, run_date: date) -> Path:
        return self.stack.folder / "published" / "rfm" / run_date.isoformat()

    def manifest(self, run_date: date) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.published(run_date) / "manifest.json").read_text())
        return content

    def warehouse(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        def read() -> list[tuple[Any, ...]] | None:
            try:
                with duckdb.connect(self.stack.folder / "warehouse.duckdb", read_only=True) as connection:
                    return connection.execute(query, list(values)).fetchall()
            except duckdb.IOException:  # a step holds the file
                return None

        return wait_for(read, 60, "the warehouse file")

    def committed(self, run_id: str) -> set[str]:
        return {step for (step,) in self.warehouse("select step from run_ledger where run_id = ?", run_id)}

    def scored(self, run_date: date) -> list[tuple[Any, ...]]:
        return self.warehouse(
            "select * exclude (run_id) from rfm_scores where run_date = ? order by customer_id", run_date
        )

    def long_ago(self, run_id: str) -> None:
        """As if minutes had passed: the run was asked for then, and its last holder's lease is over."""
        with sqlite3.connect(self.stack.folder / "register.db", timeout=10) as file:
            file.execute(
                "UPDATE runs SET requested_at = '2026-01-01T00:00:00.000000+00:00' WHERE run_id = ?", (run_id,)
            )
            file.execute("DELETE FROM turns WHERE run_id = ?", (run_id,))
        file.close()

    def has_turn(self, run_id: str) -> bool | None:
        """None when no process is in line for the run."""
        with closing(sqlite3.connect(self.stack.folder / "register.db", timeout=10)) as file:
            found = file.execute("SELECT has_turn FROM turns WHERE run_id = ?", (run_id,)).fetchall()
        return bool(found[0][0]) if found else None

    def orchestrate(self, run_date: date, **more: Any) -> str:
        """The id of a flow run made as the UI makes it."""
        deployment = self.prefect("GET", "/deployments/name/orchestrate/rfm")["id"]
        wanted = {"parameters": {"run_date": str(run_date)}, **more}
        return str(self.prefect("POST", f"/deployments/{deployment}/create_flow_run", json=wanted)["id"])

    def orchestrations(self, run_id: str) -> list[str]:
        """Keys under which the run was carried out, and taken up."""
        wanted = {"flow_runs": {"idempotency_key": {"any_": [f"{run_id}/orchestrate", f"{run_id}/orchestrate/2"]}}}
        return sorted(one["idempotency_key"] for one in self.prefect("POST", "/flow_runs/filter", json=wanted))

    def dead_letters(self) -> str:
        """The list that people see."""
        return str(self.stack.command("-m", "deployments.messages", "list").stdout)

    def reconcile(self, within: float = 90) -> dict[str, Any]:
        """Runs the flow as its schedule would, to its end."""
        deployment = self.prefect("GET", "/deployments/name/reconcile/reconcile")["id"]
        flow_run = self.prefect("POST", f"/deployments/{deployment}/create_flow_run", json={})["id"]
        return self.ended(flow_run, within)

    def ended(self, flow_run_id: str, within: float = 90) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = self.prefect("GET", f"/flow_runs/{flow_run_id}")
            return found if found["state_type"] in FINAL else None

        return wait_for(look, within, f"the end of flow run {flow_run_id}")

    def final(self, run_id: str, within: float = 120) -> dict[str, Any]:
        """The run that the first one went on as, when that has ended."""
        run = self.stack.settled(run_id, within)
        give_up = time.monotonic() + within
        while run["continued_by"] and time.monotonic() < give_up:
            run = self.stack.settled(run["continued_by"], within)
        return run
