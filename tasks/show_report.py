"""Show the report in Prefect: as artifacts of its own flow run, and of the run that it is about."""

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect import runtime, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate

from messenger.contract import RunRequest, Scalar
from settings import Settings, get_settings
from tasks.carrier import flow_run_in

if TYPE_CHECKING:
    from reports.data import Report

PICTURES = {"treemap_revenue": "Segments by revenue", "map_customers": "Customers by score", "moves": "Who moved"}
"""By the name of the chart on the page."""


@task(name="show report", task_run_name="show report {request.run_date}", cache_policy=NO_CACHE)
def show_report(request: RunRequest, report: "Report") -> dict[str, Scalar]:
    """Returns what the step tells of itself: the address of the page, and the largest drift."""
    address = report_address(get_settings(), request)
    with get_client(sync_client=True) as client:
        for flow_run_id in {UUID(runtime.flow_run.id), flow_run_in(request.requested_by)} - {None}:
            for artifact in artifacts_of(report, address):
                _create(client, artifact, flow_run_id)
    drift = report.drift.worst if report.drift else None
    return {"report": address, "drift": drift.psi if drift else None, "drift_of": drift.measure if drift else None}


def report_address(settings: Settings, request: RunRequest) -> str:
    invoker = settings.report.url or settings.invoker.address
    return f"{invoker.rstrip('/')}/report/{request.run_date}"


def artifacts_of(report: "Report", address: str) -> list[ArtifactCreate]:
    """Keys are the same for all runs: Prefect shows how an artifact went from run to run."""
    from reports.page import charts_of
    from reports.picture import picture_of

    charts = charts_of(report)
    return [
        ArtifactCreate(key="report", type="markdown", description="The report", data=_summary(report, address)),
        ArtifactCreate(key="segments", type="table", description="Segments", data=_json(segment_rows(report))),
        ArtifactCreate(key="data-quality", type="table", description="Data quality", data=_json(quality_rows(report))),
        *(
            ArtifactCreate(
                key=f"picture-{name.replace('_', '-')}",
                type="image",
                description=title,
                data=f"data:image/png;base64,{b64encode(picture_of(charts[name])).decode()}",
            )
            for name, title in PICTURES.items()
            if name in charts
        ),
    ]


def segment_rows(report: "Report") -> list[dict[str, Any]]:
    return [
        {
            "segment": one.name,
            "customers": one.customers,
            "before": one.customers_before,
            "share": f"{one.share:.1%}",
            "revenue": float(one.revenue),
            "revenue share": f"{one.revenue_share:.1%}",
            "who": one.rule,
            "advice": one.advice,
        }
        for one in report.segments
    ]


def quality_rows(report: "Report") -> list[dict[str, Any]]:
    quality = report.quality
    return [
        {"what": "order lines read", "rows": quality.lines_in},
        {"what": "order lines accepted", "rows": quality.lines_accepted},
        *({"what": f"rejected: {why}", "rows": lines} for why, lines in quality.lines_rejected.items()),
        {"what": "customers", "rows": quality.customers_in},
        {"what": "customers scored", "rows": quality.scored},
        *({"what": f"not scored: {why}", "rows": customers} for why, customers in quality.customers_rejected.items()),
    ]


def _summary(report: "Report", address: str) -> str:
    from reports.words import listed, money, percent

    head, lines = report.headline, [f"## [Report of {report.provenance.run_date}]({address})"]
    lines.append(f"{head.customers:,} customers, revenue {money(head.revenue, report.currency)}.")
    if head.best:
        lines.append(
            f"{listed(head.best).capitalize()}: {percent(head.best_revenue_share)} of the revenue with"
            f" {percent(head.best_customer_share)} of the customers."
        )
    if report.drift:
        worst = report.drift.worst
        lines.append(f"Drift since {report.drift.since}: {worst.measure} PSI {worst.psi:.2f}, {worst.level}.")
    return "\n\n".join(lines)


def _json(rows: list[dict[str, Any]]) -> str:
    return json.dumps(rows)


def _create(client: SyncPrefectClient, artifact: ArtifactCreate, flow_run_id: UUID | None) -> None:
    content = artifact.model_copy(update={"flow_run_id": flow_run_id}).model_dump(mode="json", exclude_unset=True)
    client.request("POST", "/artifacts/", json=content).raise_for_status()
