"""POST and DELETE /session: a browser keeps a Google ID token, so that links to results can be followed."""

from http import HTTPStatus

from fastapi import APIRouter, Response

from invoker.auth import COOKIE, READING, Bearer, MayWatch
from invoker.problems import documented

router = APIRouter(tags=["session"])

LIVES = 3600
"""Seconds: no ID token is good for longer."""


@router.post(
    "/session",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[MayWatch],
    openapi_extra=READING,
    responses=documented(HTTPStatus.UNAUTHORIZED, HTTPStatus.SERVICE_UNAVAILABLE),
)
async def begin_session(bearer: Bearer) -> Response:
    """Keeps the token that was sent in a cookie no script can read. Nothing to keep where no token is asked for."""
    response = Response(status_code=HTTPStatus.NO_CONTENT)
    if bearer is not None:
        response.set_cookie(COOKIE, bearer.credentials, max_age=LIVES, secure=True, httponly=True, samesite="lax")
    return response


@router.delete("/session", status_code=HTTPStatus.NO_CONTENT)
async def end_session() -> Response:
    """Forgets the token."""
    response = Response(status_code=HTTPStatus.NO_CONTENT)
    response.delete_cookie(COOKIE, secure=True, httponly=True, samesite="lax")
    return response
