"""A stand-in for the Cloud Run Admin API v2: takes what Google's schema takes, starts the container's command as a
process, and reports as Google does.
"""

import json
import re
import threading
import uuid
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from deployments.cloud.discovery import wrong_in
from tests.cloud.containers import Container, Machine
from tests.cloud.troubles import Troubles

PARENT = r"/v2/(?P<parent>projects/[^/]+/locations/[^/]+)/jobs"
JOB = PARENT + r"/(?P<job>[^/:]+)"
EXECUTION = JOB + r"/executions/(?P<execution>[^/:]+)"
ROUTES = (
    ("create", "POST", PARENT),
    ("list", "GET", PARENT),
    ("get", "GET", JOB),
    ("delete", "DELETE", JOB),
    ("run", "POST", JOB + ":run"),
    ("list_executions", "GET", JOB + "/executions"),
    ("poll", "GET", EXECUTION),
    ("cancel", "POST", EXECUTION + ":cancel"),
    ("delete_execution", "DELETE", EXECUTION),
)
STATUSES = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
}


class Refused(Exception):
    """Answered with this HTTP status, in Google's form of an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class LostAnswer(Exception):
    """The call has its effect, and the caller gets this status instead of its answer."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class CloudRun:
    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.troubles = Troubles()
        self.jobs: dict[str, dict[str, Any]] = {}
        self.deleted: list[str] = []
        self.seen: list[dict[str, Any]] = []
        """Every execution there ever was."""
        self.executions: dict[str, tuple[dict[str, Any], Container]] = {}
        self._lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def seen_of(self, run_id: str) -> list[dict[str, Any]]:
        return [execution for execution in self.seen if execution["labels"].get("run_id") == run_id]

    def job_of(self, run_id: str) -> dict[str, Any] | None:
        return next((job for job in self.jobs.values() if job["labels"].get("run_id") == run_id), None)

    def answer(self, method: str, target: str, body: dict[str, Any]) -> dict[str, Any]:
        address = urlsplit(target)
        for operation, verb, pattern in ROUTES:
            found = re.fullmatch(pattern, address.path)
            if found and verb == method:
                return self._do(operation, found.groupdict(), parse_qs(address.query), body)
        raise Refused(404, f"The requested URL {target} was not found on this server")

    def _do(self, operation: str, path: dict[str, str], query: dict[str, list[str]], body: dict[str, Any]) -> Any:
        trouble = self.troubles.next(operation)
        if isinstance(trouble, Refused):
            raise trouble
        with self._lock:
            done = getattr(self, f"_{operation}")(path, query, body)
        if isinstance(trouble, LostAnswer):
            raise Refused(trouble.status, "The service is currently unavailable.")
        return done

    def _create(self, path, query, body):
        if wrong := wrong_in("cloud-run", body):
            raise Refused(400, f"Invalid JSON payload received. {wrong[0]}")
        name = f"{path['parent']}/jobs/{query['jobId'][0]}"
        if name in self.jobs:
            raise Refused(409, f"Resource '{query['jobId'][0]}' already exists.")
        now = _now()
        self.jobs[name] = {
            **body,
            "name": name,
            "uid": str(uuid.uuid4()),
            "generation": "1",
            "createTime": now,
            "updateTime": now,
            "observedGeneration": "1",
            "terminalCondition": {"type": "Ready", "state": "CONDITION_SUCCEEDED", "lastTransitionTime": now},
            "executionCount": 0,
            "latestCreatedExecution": {},
            "etag": '"1"',
        }
        return {"name": f"{path['parent']}/operations/{uuid.uuid4()}", "metadata": self.jobs[name]}

    def _list(self, path, _query, _body):
        return {"jobs": [job for name, job in self.jobs.items() if name.startswith(path["parent"])]}

    def _get(self, path, _query, _body):
        return self._job(path)

    def _delete(self, path, _query, _body):
        job = self._job(path)
        for execution, container in self._executions_of(job["name"]):
            del self.executions[execution["name"]]
            container.cancel()
        del self.jobs[job["name"]]
        self.deleted.append(job["name"])
        return {"name": f"{path['parent']}/operations/{uuid.uuid4()}", "metadata": job}

    def _run(self, path, _query, _body):
        job = self._job(path)
        job["executionCount"] += 1
        name = f"{job['name']}/executions/{path['job']}-{job['executionCount']:05}"
        template = job["template"]["template"]
        container = self._started(template)
        now = _now()
        execution = {
            "name": name,
            "uid": str(uuid.uuid4()),
            "generation": "1",
            "labels": job["template"].get("labels", {}),
            "createTime": now,
            "startTime": now if container.process else None,
            "job": path["job"],
            "parallelism": 1,
            "taskCount": 1,
            "template": template,
            "logUri": f"https://console.cloud.google.com/logs/viewer?execution={path['job']}",
            "etag": '"1"',
        }
        self.executions[name] = execution, container
        self.seen.append(execution)
        job["latestCreatedExecution"] = {"name": name, "createTime": now}
        return {"name": f"{path['parent']}/operations/{uuid.uuid4()}", "metadata": execution}

    def _started(self, template: dict[str, Any]) -> Container:
        container = template["containers"][0]
        given = [(one["name"], self._value(one)) for one in container.get("env", [])]
        command = [*container["command"], *container.get("args", [])]
        return self.machine.start(command, given, float(template["timeout"].removesuffix("s")))

    def _value(self, variable: dict[str, Any]) -> str:
        if "value" in variable:
            return variable["value"]
        return self.machine.secrets[variable["valueSource"]["secretKeyRef"]["secret"]]

    def _list_executions(self, path, _query, _body):
        return {"executions": [self._reported(*one) for one in self._executions_of(self._job(path)["name"])]}

    def _poll(self, path, _query, _body):
        return self._reported(*self._execution(path))

    def _cancel(self, path, _query, _body):
        execution, container = self._execution(path)
        container.cancel()
        return {"name": f"{path['parent']}/operations/{uuid.uuid4()}", "metadata": execution}

    def _delete_execution(self, path, _query, _body):
        execution, container = self._execution(path)
        container.cancel()
        del self.executions[execution["name"]]
        return {"name": f"{path['parent']}/operations/{uuid.uuid4()}", "metadata": execution}

    def _job(self, path: dict[str, str]) -> dict[str, Any]:
        name = f"{path['parent']}/jobs/{path['job']}"
        if name not in self.jobs:
            raise Refused(404, f"Resource '{path['job']}' of kind 'JOB' does not exist.")
        return self.jobs[name]

    def _execution(self, path: dict[str, str]) -> tuple[dict[str, Any], Container]:
        name = f"{path['parent']}/jobs/{path['job']}/executions/{path['execution']}"
        if name not in self.executions:
            raise Refused(404, f"Resource '{path['execution']}' of kind 'EXECUTION' does not exist.")
        return self.executions[name]

    def _executions_of(self, job: str) -> list[tuple[dict[str, Any], Container]]:
        return [one for name, one in self.executions.items() if name.startswith(f"{job}/")]

    def _reported(self, execution: dict[str, Any], container: Container) -> dict[str, Any]:
        if container.running:
            counts = {"runningCount": 1 if container.process else 0}
            return {**execution, **counts, "conditions": [{"type": "Completed", "state": "CONDITION_RECONCILING"}]}
        done = container.exit_code == 0
        condition = {"type": "Completed", "state": "CONDITION_SUCCEEDED" if done else "CONDITION_FAILED"}
        if not done:
            condition |= {"executionReason": "NON_ZERO_EXIT_CODE", "message": _why(container)}
        execution.setdefault("completionTime", _now())
        counts = {"succeededCount": 1} if done else {"failedCount": 1}
        return {**execution, **counts, "conditions": [condition]}


def _why(container: Container) -> str:
    if container.timed_out:
        return "Task failed with message: The configured timeout was reached."
    return f"Task failed with message: The container exited with an error. Exit code: {container.exit_code}"


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def _handler(cloud_run: CloudRun) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("content-length", 0)))
            try:
                status, content = 200, cloud_run.answer(self.command, self.path, json.loads(sent) if sent else {})
            except Refused as refused:
                error = {
                    "code": refused.status,
                    "message": refused.message,
                    "status": STATUSES.get(refused.status, "INTERNAL"),
                }
                status, content = refused.status, {"error": error}
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json; charset=UTF-8")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815

        def log_message(self, *args: object) -> None:
            """Tests look at `troubles.calls`."""

    return Handler
