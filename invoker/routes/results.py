"""What the routes about results share: the snapshot they are asked about, and how they answer."""

from datetime import date
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic_core import to_json

from invoker.auth import READING
from invoker.parts import Parts
from invoker.problems import ProblemError, documented
from messenger.contract import RunDate
from snapshot.read import Snapshot

ForRunDate = Annotated[
    RunDate | None, Query(description="a published run_date; the newest without it", examples=["1998-06-30"])
]
NOBODY = "no published run_date knows a customer of this id: the id is another, or no order of theirs was in a window"
NOTHING = "nothing is published yet; ask for a run: GET /invoke?run_date=YYYY-MM-DD"
PROBLEMS = documented(
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


def not_found(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.NOT_FOUND, detail)


def snapshot_of(parts: Parts, run_date: date | None) -> Snapshot:
    """Raises a problem when there is none."""
    newest = parts.shelf.newest()
    if newest is None:
        raise not_found(NOTHING)
    found = newest if run_date is None else parts.shelf.of(run_date)
    if found is None:
        raise not_found(f"{run_date} can not be asked about; the newest run_date that can is {newest.about.run_date}")
    return found


def answered(view: object) -> Response:
    """As it is documented, without a second look at it: these answers have to be fast."""
    return Response(to_json(view), media_type="application/json", headers={"Cache-Control": "no-store"})


def documented_answer(model: type) -> dict[str, Any]:
    return {
        "response_model": None,
        "openapi_extra": READING,
        "responses": {HTTPStatus.OK: {"model": model}, **PROBLEMS},
    }
