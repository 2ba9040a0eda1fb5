"""GET and POST /invoke: ask for a run."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response

from invoker.auth import Caller
from invoker.models import Answer, Asked, Invocation
from invoker.parts import Needs, Parts
from invoker.problems import ProblemError, documented, unavailable
from messenger.messenger import MessengerUnavailable
from pipelines import UnknownStep, find_pipeline
from register.register import ParametersConflict

router = APIRouter(tags=["runs"])

ASK: dict[str, Any] = {
    "response_model": Answer,
    "status_code": HTTPStatus.ACCEPTED,
    "response_description": "A run was accepted; its message is durable.",
    "responses": {
        HTTPStatus.OK: {"model": Answer, "description": "This run was asked for before; it answers this request too."},
        **documented(
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.UNAUTHORIZED,
            HTTPStatus.CONFLICT,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    },
}


def _check(asked: Asked, zone: ZoneInfo) -> None:
    """What a model alone cannot know. The business time zone says which day is today."""
    try:
        find_pipeline(asked.pipeline)
    except UnknownStep as error:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
    today = datetime.now(zone).date()
    if asked.run_date > today:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"run_date {asked.run_date} is in the future: in {zone.key} it is {today}",
        )


async def _answer(asked: Invocation, parts: Parts, caller: str, request: Request, response: Response) -> Answer:
    _check(asked, parts.settings.business_zone)
    try:
        run, accepted = await parts.acceptance.accept(asked, caller)
    except ParametersConflict as error:
        raise ProblemError(HTTPStatus.CONFLICT, str(error)) from None
    except MessengerUnavailable as error:
        # the date is claimed for these parameters by now: others are for a new attempt
        what_now = "nothing was accepted, ask again with the same parameters, or with force for others"
        raise unavailable(f"{error}; {what_now}") from None
    response.status_code = HTTPStatus.ACCEPTED if accepted else HTTPStatus.OK
    response.headers["Location"] = f"/runs/{run.run_id}"
    return Answer(
        run_id=run.run_id,
        pipeline=run.pipeline,
        run_date=run.run_date,
        attempt=run.attempt,
        state=run.state,
        url=f"{request.base_url}runs/{run.run_id}",
    )


@router.get("/invoke", **ASK)
async def invoke(
    asked: Annotated[Asked, Query()], parts: Needs, caller: Caller, request: Request, response: Response
) -> Answer:
    """Asks for a run of a date. Asked again for the same date, the same run answers."""
    return await _answer(Invocation(**asked.model_dump()), parts, caller, request, response)


@router.post("/invoke", **ASK)
async def invoke_with_parameters(
    asked: Invocation, parts: Needs, caller: Caller, request: Request, response: Response
) -> Answer:
    """Asks for a run of a date, with parameters for its steps. Asked again, the same run answers."""
    return await _answer(asked, parts, caller, request, response)
