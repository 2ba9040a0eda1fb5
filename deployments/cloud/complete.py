"""Whether an environment says all that its runs need, and nothing that is true on one machine only."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from deployments.cloud.pools import roles_of, secrets_of
from deployments.cloud.render import Job
from pipelines import PIPELINES
from settings import PROJECT, Settings

PROJECT_ID = re.compile(r"^([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$")
REGION = re.compile(r"^[a-z]+-[a-z]+\d+$")
IMAGE = re.compile(r"^[a-z0-9.:-]+(/[a-z0-9._-]+)+(:[\w.-]{1,128}|@sha256:[0-9a-f]{64})$")
ACCOUNT = re.compile(r"^[a-z0-9-]{6,30}@[a-z0-9.-]+\.gserviceaccount\.com$")
SECRET = re.compile(r"^[A-Z][A-Z0-9_]*=[\w-]{1,255}(:(latest|\d+))?$")
NETWORK = re.compile(r"^projects/[^/]+/global/networks/[^/]+$")
VERTEX_STARTS_WITHIN = 1800
"""Seconds. Vertex AI takes minutes to get a machine, and a step that waits for its turn in the pool has not begun."""
LOOPBACK = ("localhost", "127.", "0.0.0.0", "[::1]")  # noqa: S104


def missing_or_wrong(settings: Settings) -> list[str]:
    return [*_platform(settings), *_roles(settings), *_shared(settings), *_steps(settings)]


def _platform(settings: Settings) -> Iterator[str]:
    deploy = settings.deploy
    if not PROJECT_ID.match(deploy.project):
        yield f"DEPLOY_PROJECT={deploy.project}: the id of the Google Cloud project is needed"
    if not REGION.match(deploy.region):
        yield f"DEPLOY_REGION={deploy.region}: a region is needed, such as europe-west1"
    if deploy.network and not NETWORK.match(deploy.network):
        yield f"DEPLOY_NETWORK={deploy.network}: projects/<number>/global/networks/<name> is needed"
    for entry in filter(None, deploy.secrets.split(",")):
        if not SECRET.match(entry):
            yield f"DEPLOY_SECRETS: {entry} is not NAME=secret or NAME=secret:version"


def _roles(settings: Settings) -> Iterator[str]:
    names = {"sql-runner": "DEPLOY_SQL_RUNNER", "python-app": "DEPLOY_RFM"}
    for role in roles_of(settings):
        if not IMAGE.match(role.image):
            yield f"{names[role.name]}_IMAGE={role.image}: an image with its tag or digest is needed"
        if not ACCOUNT.match(role.account):
            yield f"{names[role.name]}_ACCOUNT={role.account}: the e-mail of a service account is needed"


def _shared(settings: Settings) -> Iterator[str]:
    """What machines share has to be where all of them reach it."""
    host = urlsplit(settings.prefect.api_url).hostname or ""
    if host.startswith(LOOPBACK):
        yield f"PREFECT_API_URL={settings.prefect.api_url}: a container does not reach the Prefect of this machine"
    if settings.messenger.kind == "embedded":
        yield "MESSENGER_KIND=embedded is a file of one machine: MESSENGER_KIND=pubsub is needed"
    if settings.warehouse.kind == "duckdb":
        yield "WAREHOUSE_KIND=duckdb is a file of one machine: WAREHOUSE_KIND=bigquery is needed"
    if not settings.published.bucket:
        yield "PUBLISHED_BUCKET is empty, and a container's files go with it: gs://… is needed"
    if not settings.report.url:
        yield "REPORT_URL is empty, and links to reports would lead to the container: the invoker's address is needed"
    for name in ("api_key", "api_auth_string"):
        variable = f"PREFECT_{name}".upper()
        if getattr(settings.prefect, name).get_secret_value() and variable not in secrets_of(settings):
            yield f"{variable} is needed to reach Prefect, and DEPLOY_SECRETS names no secret that holds it"


def _steps(settings: Settings) -> Iterator[str]:
    known = {f"{pipeline.name}/{step.name}" for pipeline in PIPELINES.values() for step in pipeline.asked_for}
    for step, platform in settings.steps.named().items():
        if step not in known:
            yield f"STEPS_ELSEWHERE: there is no step {step}; known: {', '.join(sorted(known))}"
        if platform == "process":
            yield f"STEPS_ELSEWHERE: {step} cannot run as a process here; cloud-run or vertex-ai is needed"
    if settings.steps.platform == "process":
        yield "STEPS_PLATFORM=process: steps run in containers here; cloud-run or vertex-ai is needed"
    platforms = {settings.steps.platform, *settings.steps.named().values()}
    if "vertex-ai" in platforms and settings.orchestrator.start_within < VERTEX_STARTS_WITHIN:
        yield (
            f"ORCHESTRATOR_START_WITHIN={settings.orchestrator.start_within:g}: a step on Vertex AI waits longer for"
            f" its machine, and would be given up and asked for anew; {VERTEX_STARTS_WITHIN} is needed"
        )


def of_this_machine(job: Job, inherited: frozenset[str]) -> list[str]:
    """Variables of the container that come from the machine of whoever deploys, or from the worker's.

    `inherited` are all settings of Prefect that a worker would hand on.
    """
    folders = tuple(str(folder) for folder in {PROJECT, Path.home()} if str(folder) != "/")
    found = [f"{name} is a setting of the worker's own" for name, _ in job.environment if name in inherited]
    found += [
        f"{name}={value} is a path of this machine" for name, value in job.environment if value.startswith(folders)
    ]
    return found
