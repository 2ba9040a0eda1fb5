"""GET /runs and /runs/{run_id}: how runs go."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.concurrency import run_in_threadpool

from invoker.auth import READING, MayWatch
from invoker.models import RunList, RunView
from invoker.parts import Needs
from invoker.problems import ProblemError, documented

router = APIRouter(tags=["runs"])

Limit = Annotated[int, Query(ge=1, le=1000, description="so many at the most")]
RunId = Annotated[str, Path(max_length=100, examples=["rfm-1998-06-30-1"])]
WATCHING: dict[str, Any] = {"dependencies": [MayWatch], "openapi_extra": READING}
GUARDED = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


@router.get("/runs", responses=documented(*GUARDED), **WATCHING)
async def list_runs(parts: Needs, limit: Limit = 50) -> RunList:
    """The runs that were asked for, newest first."""
    runs = await run_in_threadpool(parts.register.list, limit=limit)
    return RunList(runs=[RunView.of(run) for run in runs])


@router.get("/runs/{run_id}", responses=documented(HTTPStatus.NOT_FOUND, *GUARDED), **WATCHING)
async def show_run(run_id: RunId, parts: Needs) -> RunView:
    """The state of a run and of each of its steps."""
    run = await run_in_threadpool(parts.register.get, run_id)
    if run is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, "there is no run of this id; GET /runs lists them")
    return RunView.of(await parts.looker.refreshed(run))
