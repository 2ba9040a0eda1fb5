"""Score: every customer of the run_date gets scores and a segment."""

from prefect import runtime, task
from prefect.cache_policies import NO_CACHE

from messenger.contract import RunRequest, Scalar
from settings import get_settings
from wiring import open_warehouse


@task(name="score", task_run_name="score {request.run_date}", cache_policy=NO_CACHE)
def score_customers(request: RunRequest) -> dict[str, Scalar]:
    """Commits scores, rejections, model and ledger row together; returns the ledger's facts."""
    from rfm.read_rules import find_rules
    from workload.code_version import code_version
    from workload.guards import guards_of
    from workload.score import score

    chosen = get_settings().model
    return score(
        open_warehouse(),
        request,
        find_rules(chosen.rules, window_days=chosen.window_days),
        window_days=chosen.window_days,
        flow_run_id=runtime.flow_run.id or "",
        code_version=code_version(),
        guards=guards_of(chosen),
    )
