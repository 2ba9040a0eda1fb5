"""What prefect-gcp's own workers would send to Google for a deployment, without sending it."""

import asyncio
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from deployments.registration.pools import Pool
from deployments.registration.prefect_file import flow_of

RUN_ID = "rfm-2026-12-31-999"
"""A run with a long name: what fits it fits all."""
SOME_ID = UUID(int=1)
NO_ACCOUNT = {"type": "authorized_user", "client_id": "-", "client_secret": "-", "refresh_token": "-"}
"""Stands where a worker has its credentials: nothing is sent, so nobody looks at them."""


@dataclass(frozen=True, slots=True)
class Job:
    """`body` is JSON as Google's REST API takes it; `environment` the plain variables in it."""

    deployment: str
    platform: str
    name: str
    body: Mapping[str, Any]
    environment: tuple[tuple[str, str], ...]


def render(deployment: Mapping[str, Any], pool: Pool) -> Job:
    """Raises ValueError, pydantic's ValidationError among it, where the worker would refuse the run."""
    with _without_account():
        configuration = asyncio.run(_prepared(deployment, pool))
        name = f"{flow_of(dict(deployment))}/{deployment['name']}"
        if pool.type == "cloud-run-v2":
            return _cloud_run(name, configuration)
        return _vertex_ai(name, configuration)


async def _prepared(deployment: Mapping[str, Any], pool: Pool) -> Any:
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import Flow, FlowRun, WorkPool
    from prefect.client.schemas.responses import DeploymentResponse

    flow = flow_of(dict(deployment))
    labels = {"run_id": RUN_ID, "pipeline": "rfm", "step": flow}
    values = {**(deployment["work_pool"].get("job_variables") or {}), "labels": labels}
    # never used: nothing in the templates has to be looked up
    nowhere = PrefectClient("http://127.0.0.1:9/api")
    configuration = await _configuration_of(pool.type).from_template_and_values(
        base_job_template=dict(pool.template), values=values, client=nowhere
    )
    configuration.prepare_for_flow_run(
        flow_run=FlowRun(id=SOME_ID, flow_id=SOME_ID, name=f"{RUN_ID}/{flow}"),
        deployment=DeploymentResponse(
            id=SOME_ID, name=deployment["name"], flow_id=SOME_ID, updated=datetime.now(UTC), labels={}
        ),
        flow=Flow(id=SOME_ID, name=flow, labels={}),
        work_pool=WorkPool(id=SOME_ID, name=pool.name, type=pool.type, default_queue_id=SOME_ID),
        worker_name=f"worker {SOME_ID}",
        worker_id=SOME_ID,
    )
    return configuration


def _configuration_of(kind: str) -> Any:
    if kind == "cloud-run-v2":
        from prefect_gcp.workers.cloud_run_v2 import CloudRunWorkerJobV2Configuration

        return CloudRunWorkerJobV2Configuration
    from prefect_gcp.workers.vertex import VertexAIWorkerJobConfiguration

    return VertexAIWorkerJobConfiguration


def _cloud_run(deployment: str, configuration: Any) -> Job:
    variables = configuration.job_body["template"]["template"]["containers"][0]["env"]
    plain = tuple((one["name"], one["value"]) for one in variables if "value" in one)
    return Job(deployment, "cloud-run", configuration.job_name, configuration.job_body, plain)


def _vertex_ai(deployment: str, configuration: Any) -> Job:
    """As the worker builds it: the specification is its own, only the sending is left out."""
    from google.cloud.aiplatform_v1.types.custom_job import CustomJob
    from prefect_gcp.workers.vertex import VertexAIWorker

    worker: Any = object.__new__(VertexAIWorker)
    name = configuration.job_name
    variables = tuple(configuration.env.items())
    labels = worker._get_compatible_labels(configuration)
    job = CustomJob(display_name=name, job_spec=worker._build_job_spec(configuration), labels=labels)
    body = json.loads(CustomJob.to_json(job, use_integers_for_enums=False, always_print_fields_with_no_presence=False))
    return Job(deployment, "vertex-ai", name, body, variables)


@contextmanager
def _without_account() -> Iterator[None]:
    known = {name: os.environ.get(name) for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT")}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "no-account.json"
        file.write_text(json.dumps(NO_ACCOUNT))
        os.environ.update(GOOGLE_APPLICATION_CREDENTIALS=str(file), GOOGLE_CLOUD_PROJECT="nobody")
        try:
            yield
        finally:
            for name, value in known.items():
                os.environ.pop(name, None) if value is None else os.environ.update({name: value})
