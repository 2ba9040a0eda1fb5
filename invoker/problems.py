"""Errors as problem+json (RFC 9457): what happened, and what to do."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from errors import Retryable
from invoker.logs import current_request_id
from invoker.reports import ReportsUnavailable
from snapshot.read import SnapshotUnavailable

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = 5
"""Seconds after which a caller may ask again for what cannot be had now."""
OURS = "a fault of the invoker; see its log"

DETAILS = {
    HTTPStatus.BAD_REQUEST: "There was an error parsing the body",
    HTTPStatus.UNAUTHORIZED: "the token is forged, expired, or meant for another audience",
    HTTPStatus.FORBIDDEN: "this account may not do this",
    HTTPStatus.NOT_FOUND: "there is no run of this id; GET /runs lists them",
    HTTPStatus.CONFLICT: ("run rfm-1998-06-30-1 was asked for with other parameters; ask with force for a new attempt"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the body has more than 65536 bytes",
    HTTPStatus.UNPROCESSABLE_ENTITY: "query.run_date: a run_date is written as YYYY-MM-DD",
    HTTPStatus.INTERNAL_SERVER_ERROR: OURS,
    HTTPStatus.SERVICE_UNAVAILABLE: "the messenger cannot be reached; nothing was accepted, ask again",
}
"""Examples, by status."""


class FieldFault(BaseModel):
    """One thing wrong with the input. `field` is its place, such as body.run_date."""

    model_config = ConfigDict(frozen=True)

    field: str
    message: str


class Problem(BaseModel):
    model_config = ConfigDict(frozen=True)

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    request_id: str
    errors: Sequence[FieldFault] | None = None


class ProblemError(Exception):
    """Ends a request with a problem."""

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers


def unavailable(detail: str) -> ProblemError:
    """Something the invoker needs is not there now."""
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": str(RETRY_AFTER)})


def problem_response(
    status: HTTPStatus,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[FieldFault] | None = None,
) -> JSONResponse:
    problem = Problem(title=status.phrase, status=status, detail=detail, request_id=current_request_id(), errors=errors)
    content = problem.model_dump(exclude_none=True)
    return JSONResponse(content, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def install_problems(app: FastAPI) -> None:
    """Every error of the app is answered, and documented, as a problem."""
    _document_problems(app)

    @app.exception_handler(ProblemError)
    async def _problem(_: Request, error: ProblemError) -> JSONResponse:
        return problem_response(error.status, str(error), headers=error.headers)

    @app.exception_handler(Retryable)
    async def _try_again(_: Request, error: Retryable) -> JSONResponse:
        """The messenger or the register cannot be reached."""
        return await _problem(_, unavailable(f"{error}; nothing was accepted, ask again"))

    @app.exception_handler(SnapshotUnavailable)
    @app.exception_handler(ReportsUnavailable)
    async def _ask_again(_: Request, error: Retryable) -> JSONResponse:
        """Nothing was to be accepted: results were asked for."""
        return await _problem(_, unavailable(f"{error}; ask again"))

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> JSONResponse:
        return problem_response(HTTPStatus(error.status_code), error.detail, headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        """The faults without the values: input is not given back."""
        faults = [_fault(fault) for fault in error.errors()]
        detail = "; ".join(f"{fault.field}: {fault.message}" for fault in faults[:3])
        return problem_response(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=faults)


def _fault(fault: Mapping[str, Any]) -> FieldFault:
    field = ".".join(str(part) for part in fault["loc"])
    message = str(fault["msg"]).removeprefix("Value error, ")
    return FieldFault(field=field[:100], message=message[:300])


def documented(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: these problems may be answered."""
    return {
        status: {
            "description": status.description or status.phrase,
            "model": Problem,
            "content": {MEDIA_TYPE: {"example": _example(status)}},
        }
        for status in statuses
    }


def _example(status: HTTPStatus) -> Mapping[str, Any]:
    problem = Problem(
        title=status.phrase, status=status, detail=DETAILS[status], request_id="fd0bb3c87adc42ae8e1fe4b8f220739e"
    )
    return problem.model_dump(exclude_none=True)


ANYWHERE = documented(HTTPStatus.FORBIDDEN, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.INTERNAL_SERVER_ERROR)
"""What the middleware and the app itself may answer, on every route."""


def _document_problems(app: FastAPI) -> None:
    """FastAPI documents every model as application/json; problems have a media type of their own."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        document = described()
        for route in document["paths"].values():
            for operation in route.values():
                for response in operation["responses"].values():
                    content = response.get("content", {})
                    if MEDIA_TYPE in content and "application/json" in content:
                        content[MEDIA_TYPE]["schema"] = content.pop("application/json")["schema"]
        return document

    app.openapi = openapi  # type: ignore[method-assign]
