"""A stand-in for Prefect's API that keeps its rules on keys, counts, and can be broken.

One flow run for each deployment and idempotency key: asked again, the same one comes back with 200, whatever
became of it and whatever the parameters are. `python -m tests.invoker.prefect_stand_in` serves it alone.
"""

import json
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DEPLOYMENTS = ("orchestrate/rfm", "features/process", "scoring/process")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128


class PrefectStandIn:
    def __init__(self, deployments: tuple[str, ...] = DEPLOYMENTS) -> None:
        self.deployments = {name: str(uuid.uuid5(uuid.NAMESPACE_URL, name)) for name in deployments}
        self.flow_runs: dict[tuple[str, str], dict[str, Any]] = {}
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.authorizations: set[str | None] = set()
        self.answers_with: int | None = None
        self.refuses_parameters = False
        self.refusal = " for field 'attempt'. Failure reason: 'secret' is not of type 'integer'"
        self.loses_answers = 0
        self.slow_by = 0.0
        self.port = 0
        self._lock = threading.Lock()
        self._server: _Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def start(self) -> "PrefectStandIn":
        self._server = _Server(("127.0.0.1", self.port), _handler(self))
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def run_of(self, key: str) -> dict[str, Any]:
        return next(run for (_, known), run in self.flow_runs.items() if known == key)

    def keys(self) -> list[str]:
        return [key for _, key in self.flow_runs]

    def end(self, key: str, state: str) -> None:
        self.run_of(key).update(
            state_type=state.upper(), state_name=state.capitalize(), end_time="2026-01-01T00:00:00+00:00"
        )

    def put(self, deployment: str, key: str, parameters: dict[str, Any]) -> dict[str, Any]:
        return self._create(self.deployments[deployment], {"idempotency_key": key, "parameters": parameters})[1]

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        with self._lock:
            self.asked.append((method, path, body))
        time.sleep(self.slow_by)
        if self.answers_with is not None:
            return self.answers_with, {"detail": "set by the test"}
        match path.removeprefix("/api/").split("/"):
            case ["health"]:
                return 200, True
            case ["deployments", "name", *name]:
                found = self.deployments.get("/".join(name))
                return (200, {"id": found}) if found else (404, {"detail": "Deployment not found"})
            case ["deployments", deployment, "create_flow_run"]:
                return self._create(deployment, body)
            case ["flow_runs", "filter"]:
                return 200, self._find(body["flow_runs"])
        return 404, {"detail": "Not Found"}

    def _create(self, deployment: str, body: dict[str, Any]) -> tuple[int, Any]:
        if deployment not in self.deployments.values():
            return 404, {"detail": "Deployment not found"}
        if self.refuses_parameters:
            return 409, {"detail": f"Error creating flow run: Validation failed{self.refusal}"}
        with self._lock:
            known = self.flow_runs.get((deployment, body["idempotency_key"]))
            if known is not None:
                return 200, known
            created = {
                "id": str(uuid.uuid4()),
                "name": body.get("name"),
                "tags": body.get("tags"),
                "idempotency_key": body["idempotency_key"],
                "parameters": body["parameters"],
                "job_variables": body.get("job_variables"),
                "state_type": "SCHEDULED",
                "state_name": "Scheduled",
                "end_time": None,
            }
            self.flow_runs[deployment, body["idempotency_key"]] = created
            return 201, created

    def _find(self, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        field, values = ("id", wanted["id"]) if "id" in wanted else ("idempotency_key", wanted["idempotency_key"])
        with self._lock:
            known = list(self.flow_runs.values())
        return [run for run in known if run[field] in values["any_"]]


def _handler(stand_in: PrefectStandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            if stand_in._server is None:
                self.close_connection = True
                return
            stand_in.authorizations.add(self.headers.get("authorization"))
            sent = self.rfile.read(int(self.headers.get("content-length", 0)))
            status, content = stand_in.answer(self.command, self.path, json.loads(sent) if sent else {})
            if stand_in.loses_answers and self.path.endswith("/create_flow_run"):
                stand_in.loses_answers -= 1
                self.close_connection = True
                return
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _answer  # noqa: N815

        def log_message(self, *args: object) -> None:
            """Tests look at `asked`."""

    return Handler


if __name__ == "__main__":
    running = PrefectStandIn()
    running.port = int(sys.argv[1])
    running.start()
    threading.Event().wait()
