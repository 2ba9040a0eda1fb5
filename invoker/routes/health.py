"""GET /healthcheck and /readiness: does the process live, and can it reach what it needs."""

import asyncio
from collections.abc import Awaitable
from http import HTTPStatus

from fastapi import APIRouter, Response
from starlette.concurrency import run_in_threadpool

from errors import Retryable
from invoker.models import Readiness
from invoker.parts import Needs

router = APIRouter(tags=["health"])

WITHIN = 2.0
"""Seconds for each part to answer."""


@router.get("/healthcheck", status_code=HTTPStatus.NO_CONTENT)
async def healthcheck() -> None:
    """The process lives and answers. Nothing else is looked at."""


async def _said(check: Awaitable[object]) -> str:
    try:
        async with asyncio.timeout(WITHIN):
            await check
    except Retryable as error:
        return str(error)
    except TimeoutError:
        return f"no answer in {WITHIN:g} s"
    return "ok"


async def _messenger(parts: Needs) -> str:
    missing: list[str] = []

    async def look() -> None:
        missing.extend(await run_in_threadpool(parts.messenger.missing))

    said = await _said(look())
    return f"missing: {'; '.join(missing)}" if missing else said


@router.get(
    "/readiness",
    responses={HTTPStatus.SERVICE_UNAVAILABLE: {"model": Readiness, "description": "What cannot be reached, and why."}},
)
async def readiness(parts: Needs, response: Response) -> Readiness:
    """Whether messenger, register and Prefect can be reached. Runs are accepted while Prefect is down."""
    messenger, register, prefect = await asyncio.gather(
        _messenger(parts),
        _said(run_in_threadpool(parts.register.list, limit=1)),
        _said(parts.flow_runs.check(within=WITHIN)),
    )
    if (messenger, register, prefect) != ("ok", "ok", "ok"):
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return Readiness(messenger=messenger, register_=register, prefect=prefect)
