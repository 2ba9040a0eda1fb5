"""The pipelines: which steps, in which order, carried out by which flows.

A pipeline is data. Another model is another entry here, a flow for its Python step and, if it needs SQL, a
dbt selector; nothing changes in the orchestrator, the messenger or the invoker. On which platform a step runs
is no matter of the pipeline but of the environment: STEPS_PLATFORM and STEPS_ELSEWHERE.
"""

from dataclasses import dataclass

from messenger.contract import ORCHESTRATE
from settings import Steps


@dataclass(frozen=True, slots=True)
class Step:
    """One request to the Workload.

    `flow` is the Prefect flow that carries it out, with a deployment for each platform (prefect.yaml);
    `confirmed_by` names the check in tasks/confirm.py that reads ledger and tables after the step said it succeeded.
    A step that `publishes` is done when its files for readers are, which the ledger says in a row of its own.
    """

    name: str
    flow: str
    confirmed_by: str
    publishes: bool = False


@dataclass(frozen=True, slots=True)
class Afterwards:
    """Asked for when the run is confirmed. Nobody waits for it, and its failure fails no run."""

    name: str
    flow: str


@dataclass(frozen=True, slots=True)
class Pipeline:
    name: str
    steps: tuple[Step, ...]
    afterwards: tuple[Afterwards, ...] = ()

    @property
    def entry(self) -> str:
        """The deployment that orchestrates a run of this pipeline."""
        return f"{ORCHESTRATE}/{self.name}"

    @property
    def asked_for(self) -> list[Step | Afterwards]:
        """All that a request can be for."""
        return [*self.steps, *self.afterwards]


PIPELINES = {
    pipeline.name: pipeline
    for pipeline in (
        Pipeline(
            name="rfm",
            steps=(
                Step("features", flow="features", confirmed_by="features"),
                Step("scoring", flow="scoring", confirmed_by="scores", publishes=True),
            ),
            afterwards=(Afterwards("report", flow="report"),),
        ),
    )
}


RESULTS = "rfm"
"""The pipeline whose published results the invoker can be asked about."""


class UnknownStep(Exception):
    """A pipeline or step that is not in PIPELINES; nothing was started."""


def find_pipeline(name: str) -> Pipeline:
    if name not in PIPELINES:
        raise UnknownStep(f"there is no pipeline {name!r}; known: {', '.join(PIPELINES)}")
    return PIPELINES[name]


def deployment_of(pipeline_name: str, step_name: str, steps: Steps) -> str:
    """The deployment, as `flow/deployment`, that a request for this step starts.

    Only what stands here can ever be started. Raises UnknownStep.
    """
    pipeline = find_pipeline(pipeline_name)
    if step_name == ORCHESTRATE:
        return pipeline.entry
    for step in pipeline.asked_for:
        if step.name == step_name:
            return f"{step.flow}/{steps.platform_of(pipeline.name, step.name)}"
    known = ", ".join([ORCHESTRATE, *(step.name for step in pipeline.asked_for)])
    raise UnknownStep(f"pipeline {pipeline_name!r} has no step {step_name!r}; known: {known}")


def is_used(deployment: str, steps: Steps) -> bool:
    """Whether a request can start it, or it is no step's: of a step's deployments only that of its platform is used."""
    asked_for = [(pipeline.name, step) for pipeline in PIPELINES.values() for step in pipeline.asked_for]
    flow = deployment.partition("/")[0]
    return flow not in {step.flow for _, step in asked_for} or deployment in {
        deployment_of(pipeline, step.name, steps) for pipeline, step in asked_for
    }
