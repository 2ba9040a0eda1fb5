"""prefect-gcp's own workers, one for each pool, in one process: their classes are as they are installed. Only the
addresses that are fixed in their code lead to the stand-ins, and their pauses are shorter.

python -m tests.cloud.worker CLOUD_RUN_URL VERTEX_ADDRESS POOL=TYPE…
"""

import asyncio
import os
import sys
import time

import google.auth
import grpc
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud.aiplatform.gapic import JobServiceAsyncClient
from google.cloud.aiplatform_v1.services.job_service.transports import JobServiceGrpcAsyncIOTransport
from prefect_gcp.credentials import GcpCredentials
from prefect_gcp.models import cloud_run_v2 as models
from prefect_gcp.workers import cloud_run_v2, vertex
from prefect_gcp.workers.cloud_run_v2 import CloudRunWorkerV2
from prefect_gcp.workers.vertex import VertexAIWorker

HURRY = 0.1
"""The workers' pauses, of 5 s between two looks at a job, are shortened by this."""
WORKERS = {CloudRunWorkerV2.type: CloudRunWorkerV2, VertexAIWorker.type: VertexAIWorker}


class Hurried:
    """The module `time` with shorter sleeps."""

    sleep = staticmethod(lambda seconds: time.sleep(seconds * HURRY))

    def __getattr__(self, name):
        return getattr(time, name)


class HurriedAsyncio:
    sleep = staticmethod(lambda seconds: asyncio.sleep(seconds * HURRY))

    def __getattr__(self, name):
        return getattr(asyncio, name)


def lead_to(cloud_run: str, vertex_address: str) -> None:
    google.auth.default = lambda **_: (AnonymousCredentials(), None)
    cloud_run_v2.ClientOptions = lambda api_endpoint: ClientOptions(api_endpoint=cloud_run)
    cloud_run_v2.time = models.time = Hurried()
    vertex.asyncio = HurriedAsyncio()

    def client(_credentials, client_options=None):
        channel = grpc.aio.insecure_channel(vertex_address)
        return JobServiceAsyncClient(transport=JobServiceGrpcAsyncIOTransport(channel=channel))

    GcpCredentials.get_job_service_async_client = client


async def work(pools: dict[str, str]) -> None:
    async with asyncio.TaskGroup() as group:
        for pool, kind in pools.items():
            group.create_task(WORKERS[kind](pool, name=f"cloud {os.getpid()}", create_pool_if_not_found=False).start())


if __name__ == "__main__":
    lead_to(*sys.argv[1:3])
    asyncio.run(work(dict(pool.split("=") for pool in sys.argv[3:])))
