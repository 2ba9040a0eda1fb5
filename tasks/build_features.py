"""Build features: dbt turns the orders into features; in Prefect each model and test is a task run of its own."""

from typing import TYPE_CHECKING

from prefect import get_run_logger, runtime, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from messenger.contract import RunRequest, Scalar
from settings import get_settings
from tasks.again import may_pass
from wiring import open_warehouse

if TYPE_CHECKING:
    from workload.sql import Build


@task(
    name="build features",
    task_run_name="build features {request.run_date}",
    cache_policy=NO_CACHE,
    retries=2,
    retry_delay_seconds=[1, 3],
    retry_condition_fn=may_pass,
)
def build_features(request: RunRequest) -> dict[str, Scalar]:
    """Commits the features of the run_date with their ledger row; returns the ledger's facts.

    Raises RunClosed, and what workload.features.build_features and workload.sql.require_published raise.
    """
    from tasks.run_dbt import run_in_prefect
    from warehouse.closing import require_open
    from workload import features, sql

    settings, warehouse = get_settings(), open_warehouse()
    warehouse.prepare()
    require_open(warehouse, request.run_id)
    build = features.build_features(request, settings, flow_run_id=runtime.flow_run.id or "", by=run_in_prefect)
    show(build)
    if not build.published:
        require_open(warehouse, request.run_id)
    sql.require_published(build)
    row = warehouse.ledger_row(request.run_id, request.step)
    if row is None:
        raise sql.SqlFailed(f"run {request.run_id} has left no ledger row")
    return dict(row.facts)


def show(build: "Build") -> None:
    """A table of the models and tests, as an artifact of the flow run."""
    summary = (
        f"dbt, run {build.run_id}: {len(build.nodes)} nodes in {build.build_seconds:.1f} s,"
        f" read in {build.parse_seconds:.1f} s, {len(build.failed)} failed"
    )
    get_run_logger().info(summary)
    create_table_artifact(
        key="dbt-nodes",
        description=summary,
        table=[
            {
                "node": node.name,
                "kind": node.kind,
                "status": node.status,
                "seconds": node.seconds,
                "message": node.message,
            }
            for node in build.nodes
        ],
    )
