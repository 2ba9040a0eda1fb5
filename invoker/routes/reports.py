"""GET /reports and /report/{run_date}: the reports of the runs."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from starlette.concurrency import run_in_threadpool

from invoker.answers import ReportLink, ReportList
from invoker.auth import READING, Reading
from invoker.reports import Kind
from invoker.routes.results import PROBLEMS, answered, documented_answer, not_found
from messenger.contract import RunDate

router = APIRouter(tags=["results"])

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:;"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}
"""A report is one file without a script: it needs nothing from anywhere, and may not ask for it."""
MEDIA_TYPES = {"html": "text/html", "json": "application/json"}


@router.get("/reports", **documented_answer(ReportList))
async def list_reports(parts: Reading) -> Response:
    """The reports that can be read, the newest first."""
    found = await run_in_threadpool(parts.reports.run_dates)
    links = [ReportLink(run_date=day, url=f"/report/{day}", data=f"/report/{day}?format=json") for day in found]
    return answered(ReportList(reports=links))


@router.get(
    "/report/{run_date}",
    response_class=Response,
    openapi_extra=READING,
    responses={
        HTTPStatus.OK: {"content": {"text/html": {}, "application/json": {}}, "description": "The report."},
        **PROBLEMS,
    },
)
async def show_report(
    run_date: Annotated[RunDate, Path(examples=["1998-06-30"])],
    parts: Reading,
    format: Annotated[Kind, Query(description="html for people, json for programs")] = "html",
) -> Response:
    """The report of a run_date, as a page or as data."""
    content = await run_in_threadpool(parts.reports.content, run_date, format)
    if content is None:
        raise not_found(f"there is no report of {run_date}; GET /reports lists those that can be read")
    return Response(content, media_type=MEDIA_TYPES[format], headers=HEADERS)
