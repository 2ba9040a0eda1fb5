"""Which flow runs of a run are asked to end. That they end is proven in tests/e2e and tests/cloud."""

from types import SimpleNamespace
from uuid import UUID

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.states import Completed, Running

from tasks import cancel
from tasks.cancel import stop_steps
from tests.messages import request

FLOW = UUID(int=1)
RUN = request()


@pytest.fixture
def flow_runs(monkeypatch):
    """What Prefect knows, by step; and the steps whose flow runs it was asked to cancel."""
    prefect = SimpleNamespace(states={}, cancelled=[])

    def find(key):
        step = key.removeprefix(f"{RUN.run_id}/")
        return FlowRun(flow_id=FLOW, name=step, state=prefect.states[step]) if step in prefect.states else None

    monkeypatch.setattr(cancel, "find_flow_run", find)
    monkeypatch.setattr(cancel, "_cancel", lambda flow_run, _reason: prefect.cancelled.append(flow_run.name))
    return prefect


def test_the_steps_that_have_not_ended_are_cancelled(flow_runs):
    flow_runs.states = {"features": Completed(), "scoring": Running()}

    assert stop_steps(RUN, "given up") == ["scoring"]
    assert flow_runs.cancelled == ["scoring"]


def test_a_step_that_is_ending_is_left_alone_and_others_are_not(flow_runs):
    flow_runs.states = {"features": Running(), "scoring": Running()}

    assert stop_steps(RUN, "given up", ending="features") == ["scoring"]
    assert flow_runs.cancelled == ["scoring"]
