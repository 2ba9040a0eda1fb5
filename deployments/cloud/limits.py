"""Limits of Google that its schemas do not show. Each check returns what is wrong, in words for the person who deploys.

Cloud Run: https://cloud.google.com/run/docs/configuring/jobs/memory-limits, .../cpu, .../task-timeout
Vertex AI: https://cloud.google.com/vertex-ai/docs/training/configure-compute, /docs/quotas
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from deployments.cloud.render import Job

MEMORY_BY_CPU = {1: (512, 4096), 2: (512, 8192), 4: (2048, 16384), 6: (4096, 24576), 8: (4096, 32768)}
"""Least and most MiB of a job's container, by its CPUs."""
MIB = {"Gi": Decimal(1024), "Mi": Decimal(1), "G": Decimal(10**9) / 2**20, "M": Decimal(10**6) / 2**20}
LONGEST_RUN = 7 * 24 * 3600
JOB_NAME = re.compile(r"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$")
LONGEST_DISPLAY_NAME = 128
MACHINE = re.compile(
    r"^(n1-(standard-(4|8|16|32|64|96)|highmem-(2|4|8|16|32|64|96)|highcpu-(16|32|64|96))"
    r"|(e2|n2)-(standard|highmem)-(2|4|8|16)|(e2|n2)-standard-32|(e2|n2)-highcpu-(16|32)"
    r"|n2-(standard|highmem|highcpu)-(32|48|64|80)|c2-standard-(4|8|16|30|60))$"
)
LEAST_DISK = 100
LABEL = re.compile(r"^[a-z0-9_-]{0,63}$")
LABEL_KEY = re.compile(r"^[a-z][a-z0-9_-]{0,62}$")
MOST_LABELS = 64
VARIABLE = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
RESERVED = frozenset({"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"})
MOST_VARIABLES = 1000
LONGEST_VALUE = 32 * 1024


def beyond_limits(job: Job, step_deadline: float) -> list[str]:
    """`step_deadline` in seconds: a platform that ends a step sooner would make it fail for no reason."""
    own = _cloud_run(job) if job.platform == "cloud-run" else _vertex_ai(job)
    return [*own, *_labels(job), *_variables(job), *_timeout(job, step_deadline)]


def _cloud_run(job: Job) -> Iterator[str]:
    container = job.body["template"]["template"]["containers"][0]
    limits = container["resources"]["limits"]
    cpus, memory = _cpus(limits["cpu"]), _mebibytes(limits["memory"])
    if cpus not in MEMORY_BY_CPU:
        yield f"cpu {limits['cpu']}: a job has {', '.join(map(str, MEMORY_BY_CPU))} whole CPUs"
    elif memory is not None and not MEMORY_BY_CPU[cpus][0] <= memory <= MEMORY_BY_CPU[cpus][1]:
        least, most = MEMORY_BY_CPU[cpus]
        yield f"memory {limits['memory']} with cpu {limits['cpu']}: from {least}Mi to {most}Mi go together with it"
    if not JOB_NAME.match(job.name):
        yield f"the name of the job, {job.name}, is not {JOB_NAME.pattern}"
    if job.body["template"]["template"].get("maxRetries") != 0:
        yield "maxRetries is not 0: the orchestrator makes the new attempt, not the platform"


def _vertex_ai(job: Job) -> Iterator[str]:
    specification = job.body["jobSpec"]
    pool = specification["workerPoolSpecs"][0]
    machine, disk = pool["machineSpec"]["machineType"], int(pool["diskSpec"]["bootDiskSizeGb"])
    if not MACHINE.match(machine):
        yield f"machine_type {machine} is none that custom jobs run on"
    if disk < LEAST_DISK:
        yield f"boot_disk_size_gb {disk}: {LEAST_DISK} is the least"
    if len(job.name) > LONGEST_DISPLAY_NAME:
        yield f"the name of the job, {job.name}, is longer than {LONGEST_DISPLAY_NAME}"
    if not specification.get("scheduling", {}).get("disableRetries"):
        yield "scheduling.disableRetries is not set: the orchestrator makes the new attempt, not the platform"


def _timeout(job: Job, step_deadline: float) -> Iterator[str]:
    seconds = float(_timeout_of(job).removesuffix("s"))
    if seconds > LONGEST_RUN:
        yield f"a timeout of {seconds:.0f} s is longer than {LONGEST_RUN} s, the longest there is"
    if seconds < step_deadline:
        yield f"the platform ends the step after {seconds:.0f} s, before ORCHESTRATOR_STEP_DEADLINE={step_deadline:.0f}"


def _timeout_of(job: Job) -> str:
    found: Mapping[str, Any] = (
        job.body["template"]["template"] if job.platform == "cloud-run" else job.body["jobSpec"]["scheduling"]
    )
    return str(found["timeout"])


def _labels(job: Job) -> Iterator[str]:
    labels: Mapping[str, str] = job.body.get("labels", {})
    if len(labels) > MOST_LABELS:
        yield f"{len(labels)} labels: {MOST_LABELS} is the most"
    for key, value in labels.items():
        if not LABEL_KEY.match(key) or not LABEL.match(value):
            yield f"label {key}={value}: lowercase letters, digits, _ and -, 63 characters at the most"
    if "run_id" not in labels:
        yield "the job has no label run_id"


def _variables(job: Job) -> Iterator[str]:
    names = [name for name, _ in job.environment]
    if len(names) > MOST_VARIABLES:
        yield f"{len(names)} variables: {MOST_VARIABLES} is the most"
    for name, value in job.environment:
        if not VARIABLE.match(name) or (job.platform == "cloud-run" and name in RESERVED):
            yield f"variable {name} is no name that a container may have"
        if len(value.encode()) > LONGEST_VALUE:
            yield f"the value of {name} is longer than {LONGEST_VALUE} bytes"
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"variable {name} is given twice"


def _cpus(cpu: str) -> int | None:
    """`1` or `1000m`; None for what is no whole number of CPUs."""
    thousandths = int(cpu[:-1]) if cpu.endswith("m") else Decimal(cpu) * 1000
    return int(thousandths // 1000) if thousandths % 1000 == 0 else None


def _mebibytes(memory: str) -> Decimal | None:
    """None for what the schema of the pool's variables has already refused."""
    found = re.match(r"^(\d+)(Gi|Mi|G|M)$", memory)
    return int(found[1]) * MIB[found[2]] if found else None
