"""Dispatch: from a request to one flow run, or to the reason why there is none."""

import asyncio

import pytest

from errors import Permanent
from invoker.dispatch import TIMES_TAKEN_UP, KeyTaken, dispatch, flow_parameters
from invoker.flow_runs import PrefectUnavailable
from invoker.prefect_api import PrefectApi
from settings import Prefect
from tests.invoker.parts import KEY, request_for


class Dispatching:
    """Dispatches to the stand-in, and keeps the statuses that went out."""

    def __init__(self, prefect):
        self.prefect = prefect
        self.told = []

    def __call__(self, *requests):
        return asyncio.run(self._dispatch(requests))

    async def _dispatch(self, requests):
        flow_runs = PrefectApi(Prefect(api_url=self.prefect.url))
        try:
            return await asyncio.gather(*(dispatch(request, flow_runs, self._tell) for request in requests))
        finally:
            await flow_runs.close()

    async def _tell(self, status):
        self.told.append(status)


@pytest.fixture
def dispatching(prefect):
    return Dispatching(prefect)


def test_the_whole_run_starts_the_orchestrator_with_what_a_person_would_give_it(dispatching, prefect):
    dispatching(request_for(parameters={"model": "frozen"}))

    created = prefect.run_of(KEY)
    assert next(iter(prefect.flow_runs))[0] == prefect.deployments["orchestrate/rfm"]
    assert created["parameters"] == {
        "pipeline": "rfm",
        "run_date": "1998-06-30",
        "attempt": 1,
        "parameters": {"model": "frozen"},
    }
    assert (created["name"], created["tags"]) == (KEY, ["rfm", "1998-06-30"])


def test_a_step_starts_its_deployment_with_its_request(dispatching, prefect):
    request = request_for("features")

    dispatching(request)

    assert list(prefect.flow_runs) == [(prefect.deployments["features/process"], "rfm-1998-06-30-1/features")]
    assert prefect.run_of(request.key)["parameters"] == {"request": request.model_dump(mode="json")}


def test_what_the_platform_starts_for_a_step_is_labelled_with_its_run(dispatching, prefect):
    request = request_for("scoring")

    dispatching(request)

    labels = {"run_id": "rfm-1998-06-30-1", "pipeline": "rfm", "step": "scoring"}
    assert prefect.run_of(request.key)["job_variables"] == {"labels": labels}


@pytest.mark.parametrize("step", ["orchestrate", "scoring"])
def test_the_same_request_at_once_and_later_is_one_flow_run(dispatching, prefect, step):
    at_once = dispatching(*[request_for(step) for _ in range(12)])
    later = dispatching(request_for(step))

    assert len({flow_run.id for flow_run in [*at_once, *later]}) == 1
    assert len(prefect.flow_runs) == 1
    assert dispatching.told == []


@pytest.mark.parametrize("step", ["orchestrate", "features"])
def test_a_known_key_with_other_parameters_is_a_dead_letter_and_the_run_that_has_it_goes_on(dispatching, step):
    dispatching(request_for(step, parameters={"rules": "quintile"}))

    with pytest.raises(KeyTaken, match="other parameters"):
        dispatching(request_for(step, parameters={"rules": "tercile"}))

    assert dispatching.told == []


def test_a_flow_run_of_somebody_else_under_the_key_is_a_dead_letter(dispatching, prefect):
    prefect.put("features/process", "rfm-1998-06-30-1/features", {"anything": 1})

    with pytest.raises(KeyTaken, match="not of this system"):
        dispatching(request_for("features"))


@pytest.mark.parametrize(
    ("step", "state"),
    [
        ("orchestrate", "Failed"),
        ("orchestrate", "Cancelled"),
        ("features", "Failed"),
        ("features", "Cancelled"),
        ("features", "Crashed"),
    ],
)
def test_a_duplicate_of_what_ended_badly_is_told_as_failed(dispatching, prefect, step, state):
    request = request_for(step)
    [flow_run] = dispatching(request)
    prefect.end(request.key, state)

    dispatching(request)

    [status] = dispatching.told
    assert (status.key, status.state, status.error.type) == (request.key, "failed", state)
    assert status.flow_run_id == flow_run.id
    assert status.error.retryable is (state == "Crashed")


def test_an_orchestration_that_crashed_is_taken_up_by_the_same_request_a_bounded_number_of_times(dispatching, prefect):
    request = request_for("orchestrate")
    keys = [request.key, *(f"{request.key}/{number}" for number in range(2, TIMES_TAKEN_UP + 2))]
    for key in keys:
        [flow_run] = dispatching(request)
        assert flow_run.id == prefect.run_of(key)["id"]
        assert [again.id for again in dispatching(request)] == [flow_run.id]
        prefect.end(key, "Crashed")

    assert dispatching.told == []
    dispatching(request)

    [status] = dispatching.told
    assert (status.state, status.error.type, list(prefect.keys())) == ("failed", "Crashed", keys)


def test_a_duplicate_of_what_is_done_changes_nothing(dispatching, prefect):
    request = request_for("features")
    dispatching(request)
    prefect.end(request.key, "Completed")

    dispatching(request)

    assert dispatching.told == []
    assert len(prefect.flow_runs) == 1


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (request_for(pipeline="churn"), "no pipeline 'churn'"),
        (request_for("train"), "no step 'train'"),
        (request_for("healthcheck"), "no step"),
        (request_for("features", deadline_in=-1), "deadline"),
        (request_for(parameters={"__prefect_kind": "jinja"}), "__prefect_kind"),
    ],
)
def test_what_can_never_work_is_told_as_failed_at_once_and_starts_nothing(dispatching, prefect, request_, reason):
    with pytest.raises(Permanent, match=reason):
        dispatching(request_)

    [status] = dispatching.told
    assert (status.key, status.state) == (request_.key, "failed")
    assert reason in status.error.message
    assert prefect.flow_runs == {}


def test_a_run_that_waited_longer_than_its_deadline_for_prefect_still_starts(dispatching, prefect):
    dispatching(request_for(deadline_in=-1))

    assert prefect.keys() == [KEY]


def test_parameters_that_prefect_refuses_are_told_as_failed(dispatching, prefect):
    prefect.refuses_parameters = True

    with pytest.raises(Permanent, match="409"):
        dispatching(request_for())

    assert "does not take the parameter attempt" in dispatching.told[0].error.message


def test_a_deployment_that_was_never_registered_is_told_as_failed(dispatching, prefect):
    del prefect.deployments["orchestrate/rfm"]

    with pytest.raises(Permanent, match="prefect deploy"):
        dispatching(request_for())

    assert dispatching.told[0].error.type == "FlowRunRefused"


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408, 401, 403])
def test_what_may_pass_is_worth_another_try_and_nothing_is_told(dispatching, prefect, status):
    prefect.answers_with = status

    with pytest.raises(PrefectUnavailable):
        dispatching(request_for())

    assert dispatching.told == []


def test_prefect_down_is_worth_another_try(dispatching, prefect):
    prefect.stop()

    with pytest.raises(PrefectUnavailable, match="cannot be reached"):
        dispatching(request_for())


def test_the_flow_takes_the_parameters_it_is_given():
    """The names stand in flows/orchestrate.py too, which the invoker must not import."""
    from flows.orchestrate import orchestrate

    given = flow_parameters(request_for())

    assert set(given) <= set(orchestrate.parameters.properties)
    assert orchestrate.validate_parameters(dict(given))["attempt"] == 1
