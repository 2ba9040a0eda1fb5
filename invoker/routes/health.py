"""GET /healthcheck and /readiness: does the process live, and can it reach what it needs."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from invoker.auth import may_watch
from invoker.models import Readiness
from invoker.parts import Needs

router = APIRouter(tags=["health"])


@router.get("/healthcheck", status_code=HTTPStatus.NO_CONTENT)
async def healthcheck() -> None:
    """The process lives and answers. Nothing else is looked at."""


@router.get(
    "/readiness",
    responses={HTTPStatus.SERVICE_UNAVAILABLE: {"model": Readiness, "description": "What cannot be reached, and why."}},
)
async def readiness(request: Request, parts: Needs, response: Response) -> Readiness:
    """Whether messenger, register and Prefect can be reached. Runs are accepted while Prefect is down.

    Open to everybody; why something cannot be reached is told only to those who may see how runs go.
    """
    found = await parts.ready.seen()
    if not found.ready:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return found if found.ready or await may_watch(request, parts) else found.for_strangers()
