"""Afterwards: ask for what follows a confirmed run, such as its report, and wait for none of it."""

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from errors import Permanent, Retryable
from messenger.contract import ORCHESTRATE, RunRequest
from pipelines import find_pipeline
from register.register import Register, Run
from tasks.carrier import ASKED_BY, this_flow_run
from tasks.claim import request_of
from tasks.request import publish_request


@task(name="afterwards", task_run_name="ask for what follows {run.run_id}", cache_policy=NO_CACHE)
def ask_for_afterwards(run: RunRequest) -> None:
    """The run is confirmed: that this could not be asked for stands in the log, and fails nothing."""
    for follower in find_pipeline(run.pipeline).afterwards:
        request = request_of(run, follower.name, requested_by=this_flow_run())
        try:
            publish_request(request)
        except (Permanent, Retryable) as error:
            get_run_logger().error("%s of run %s could not be asked for: %s", follower.name, run.run_id, error)


def ask_for_missing(register: Register, run: Run) -> list[str]:
    """What should follow this confirmed run and was never heard of: asked for again, which its key makes harmless.

    Raises MessengerUnavailable, RegisterUnavailable.
    """
    known = {news.step: news for news in run.steps}
    asked = []
    for follower in find_pipeline(run.pipeline).afterwards:
        if follower.name not in known:
            orchestrator = f"{ASKED_BY}{known[ORCHESTRATE].flow_run_id}"
            request = request_of(run, follower.name, requested_by=orchestrator)
            publish_request(request)
            register.note_request(request)
            asked.append(follower.name)
    return asked
