"""Publish: files for those who read the results, beside the warehouse that one process at a time may open."""

from prefect import runtime, task
from prefect.cache_policies import NO_CACHE

from messenger.contract import RunRequest
from settings import get_settings
from tasks.again import AFTERWARDS_AGAIN
from wiring import open_warehouse


@task(name="publish", task_run_name="publish {request.run_date}", cache_policy=NO_CACHE)
def publish_results(request: RunRequest) -> None:
    """Replaces the files of the run_date, each as a whole, and says in the ledger that they are this run's."""
    from workload.note_published import note_published
    from workload.published import open_published

    warehouse, published = open_warehouse(), get_settings().published
    open_published(published.path, published.bucket).publish_run(warehouse, request)
    note_published(warehouse, request, flow_run_id=runtime.flow_run.id or "")


@task(
    name="publish snapshot",
    task_run_name="publish snapshot {request.run_date}",
    cache_policy=NO_CACHE,
    **AFTERWARDS_AGAIN,
)
def publish_snapshot(request: RunRequest) -> None:
    """What the invoker is asked about. Of a confirmed run, after its end: a million customers take some seconds."""
    from workload.published import open_published

    published = get_settings().published
    place = open_published(published.path, published.bucket)
    place.publish_snapshot(open_warehouse(), request, keep=published.snapshots)
