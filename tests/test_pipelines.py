"""Pipelines name steps; the environment says on which platform each runs."""

import pytest
from pydantic import ValidationError

from pipelines import UnknownStep, deployment_of, is_used
from settings import Steps


def test_a_step_runs_where_the_environment_runs_its_steps():
    assert deployment_of("rfm", "features", Steps()) == "features/process"
    assert deployment_of("rfm", "features", Steps(platform="cloud-run")) == "features/cloud-run"


def test_one_step_can_run_elsewhere():
    steps = Steps(platform="cloud-run", elsewhere="rfm/scoring=vertex-ai")

    assert deployment_of("rfm", "features", steps) == "features/cloud-run"
    assert deployment_of("rfm", "scoring", steps) == "scoring/vertex-ai"


def test_the_orchestrator_itself_is_where_it_always_is():
    assert deployment_of("rfm", "orchestrate", Steps(platform="vertex-ai")) == "orchestrate/rfm"


def test_of_a_steps_deployments_only_that_of_its_platform_is_used():
    steps = Steps(platform="cloud-run", elsewhere="rfm/scoring=vertex-ai")
    known = [f"{flow}/{name}" for flow in ("features", "scoring") for name in ("process", "cloud-run", "vertex-ai")]

    assert [name for name in known if is_used(name, steps)] == ["features/cloud-run", "scoring/vertex-ai"]
    assert is_used("report/cloud-run", steps)
    assert is_used("orchestrate/rfm", steps)


def test_a_step_that_is_in_no_pipeline_starts_nothing():
    with pytest.raises(UnknownStep, match="known: orchestrate, features, scoring, report"):
        deployment_of("rfm", "training", Steps())


@pytest.mark.parametrize("entry", ["scoring=vertex-ai", "rfm/scoring=gke", "rfm/scoring"])
def test_a_wrong_entry_is_refused_with_what_is_known(entry):
    with pytest.raises(ValidationError, match="platforms: process, cloud-run, vertex-ai"):
        Steps(elsewhere=entry)
