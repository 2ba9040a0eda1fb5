"""A stand-in for Vertex AI's JobService (gRPC): starts a job's command as a process, and reports as Google does."""

import json
import threading
from concurrent import futures
from typing import Any

import grpc
from google.cloud.aiplatform_v1.types import custom_job as types
from google.cloud.aiplatform_v1.types import job_service as calls
from google.cloud.aiplatform_v1.types.job_state import JobState
from google.protobuf import empty_pb2
from google.rpc import code_pb2

from deployments.cloud.discovery import wrong_in
from tests.cloud.containers import Container, Machine
from tests.cloud.troubles import Troubles

SERVICE = "google.cloud.aiplatform.v1.JobService"
HOUR = 3600.0


class Refused(Exception):
    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class VertexAI:
    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.troubles = Troubles()
        self.hour = HOUR
        """Seconds that an hour takes here: timeouts are whole hours."""
        self.jobs: dict[str, tuple[types.CustomJob, Container]] = {}
        self._lock = threading.RLock()
        self._server = grpc.server(futures.ThreadPoolExecutor(8))
        self._server.add_generic_rpc_handlers((self._handlers(),))
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def close(self) -> None:
        self._server.stop(0).wait()

    def job_of(self, run_id: str) -> types.CustomJob | None:
        return next((job for job, _ in self.jobs.values() if job.labels.get("run_id") == run_id), None)

    def _handlers(self) -> grpc.GenericRpcHandler:
        methods = {
            "CreateCustomJob": ("create", calls.CreateCustomJobRequest, self._create),
            "GetCustomJob": ("poll", calls.GetCustomJobRequest, self._get),
            "CancelCustomJob": ("cancel", calls.CancelCustomJobRequest, self._cancel),
            "ListCustomJobs": ("list", calls.ListCustomJobsRequest, self._list),
            "DeleteCustomJob": ("delete", calls.DeleteCustomJobRequest, self._delete),
        }
        return grpc.method_handlers_generic_handler(
            SERVICE, {name: self._method(operation, request, do) for name, (operation, request, do) in methods.items()}
        )

    def _method(self, operation: str, request: Any, do: Any) -> grpc.RpcMethodHandler:
        def answer(message: bytes, context: grpc.ServicerContext) -> bytes:
            try:
                if trouble := self.troubles.next(operation):
                    raise trouble
                with self._lock:
                    return do(request.deserialize(message))
            except Refused as refused:
                context.abort(refused.code, refused.message)

        return grpc.unary_unary_rpc_method_handler(answer)

    def _create(self, request: calls.CreateCustomJobRequest) -> bytes:
        job = request.custom_job
        body = json.loads(
            types.CustomJob.to_json(job, use_integers_for_enums=False, always_print_fields_with_no_presence=False)
        )
        if wrong := wrong_in("vertex-ai", body):
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, wrong[0])
        container = job.job_spec.worker_pool_specs[0].container_spec
        given = [(one.name, one.value) for one in container.env]
        timeout = job.job_spec.scheduling.timeout.total_seconds() * self.hour / HOUR
        started = self.machine.start([*container.command, *container.args], given, timeout)
        job.name = f"{request.parent}/customJobs/{1000 + len(self.jobs)}"
        job.state = JobState.JOB_STATE_PENDING
        self.jobs[job.name] = job, started
        return types.CustomJob.serialize(job)

    def _get(self, request: calls.GetCustomJobRequest) -> bytes:
        return types.CustomJob.serialize(self._reported(request.name))

    def _cancel(self, request: calls.CancelCustomJobRequest) -> bytes:
        self._job(request.name)[1].cancel()
        return empty_pb2.Empty().SerializeToString()

    def _list(self, request: calls.ListCustomJobsRequest) -> bytes:
        jobs = [self._reported(name) for name in self.jobs if name.startswith(request.parent)]
        return calls.ListCustomJobsResponse.serialize(calls.ListCustomJobsResponse(custom_jobs=jobs))

    def _delete(self, request: calls.DeleteCustomJobRequest) -> bytes:
        self._job(request.name)[1].kill()
        del self.jobs[request.name]
        from google.longrunning import operations_pb2

        return operations_pb2.Operation(name=f"{request.name}/operations/1", done=True).SerializeToString()

    def _job(self, name: str) -> tuple[types.CustomJob, Container]:
        if name not in self.jobs:
            raise Refused(grpc.StatusCode.NOT_FOUND, f"The CustomJob {name} was not found")
        return self.jobs[name]

    def _reported(self, name: str) -> types.CustomJob:
        job, container = self._job(name)
        if container.process is None:
            job.state = JobState.JOB_STATE_CANCELLED if container.cancelled else JobState.JOB_STATE_PENDING
        elif container.running:
            job.state = JobState.JOB_STATE_CANCELLING if container.cancelled else JobState.JOB_STATE_RUNNING
        elif container.cancelled:
            job.state = JobState.JOB_STATE_CANCELLED
            job.error = {"code": code_pb2.CANCELLED, "message": "CANCELED"}
        elif container.exit_code == 0:
            job.state = JobState.JOB_STATE_SUCCEEDED
        else:
            job.state = JobState.JOB_STATE_FAILED
            job.error = {"code": code_pb2.INTERNAL, "message": _why(container)}
        return job


def _why(container: Container) -> str:
    if container.timed_out:
        return "The job timed out: its scheduling.timeout was reached."
    return f"The replica workerpool0-0 exited with a non-zero status of {container.exit_code}."
