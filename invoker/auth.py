"""Who may ask and who may read: the caller of a route, by the setting INVOKER_AUTH."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from invoker.certificates import CertificatesUnavailable
from invoker.parts import Needs, Parts, parts_of
from invoker.problems import ProblemError, unavailable
from invoker.tokens import BadToken, NotAllowed, Tokens

COOKIE = "__Host-invoker"
"""A browser sends no header when a link is followed (POST /session). It is taken for reading alone."""
SCHEME = "Google ID token"
READING: dict[str, Any] = {"security": [{SCHEME: []}]}
"""What OpenAPI says of a route that works with Reading."""
_bearer = HTTPBearer(
    auto_error=False,
    scheme_name=SCHEME,
    description="where INVOKER_AUTH=google: the output of `gcloud auth print-identity-token`",
)
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def _names(listed: str) -> tuple[str, ...]:
    return tuple(name for name in listed.split(",") if name)


async def _email(
    tokens: Tokens,
    bearer: HTTPAuthorizationCredentials | None,
    audiences: str,
    accounts: str,
    cookie: str | None = None,
) -> str:
    token = bearer.credentials if bearer else cookie
    try:
        return await tokens.email_of(token, audiences=_names(audiences), accounts=_names(accounts))
    except BadToken as error:
        raise ProblemError(HTTPStatus.UNAUTHORIZED, str(error), {"WWW-Authenticate": "Bearer"}) from None
    except NotAllowed as error:
        raise ProblemError(HTTPStatus.FORBIDDEN, str(error)) from None
    except CertificatesUnavailable as error:
        raise unavailable(str(error)) from None


async def _caller(request: Request, parts: Needs, bearer: Bearer) -> str:
    """The account's e-mail, or without authentication the address the request came from."""
    if parts.tokens is None:
        return f"http from {request.client.host if request.client else 'this machine'}"
    invoker = parts.settings.invoker
    return await _email(parts.tokens, bearer, invoker.audiences, invoker.accounts)


async def reading(request: Request) -> Parts:
    """What a route about customers works with, once the caller may read. One dependency and not four: each costs."""
    parts = await parts_of(request)
    await _check_reader(request, parts, parts.settings.invoker.readers)
    return parts


async def _watcher(request: Request, parts: Needs) -> None:
    """How runs go: who asks for them has to see it, and who reads what comes of them may."""
    invoker = parts.settings.invoker
    await _check_reader(request, parts, f"{invoker.accounts},{invoker.readers}")


async def may_watch(request: Request, parts: Parts) -> bool:
    """Of a route that answers everybody: whether this caller may also see how runs go."""
    try:
        await _watcher(request, parts)
    except ProblemError:
        return False
    return True


async def _check_reader(request: Request, parts: Parts, accounts: str) -> None:
    if parts.tokens is not None:
        invoker = parts.settings.invoker
        # behind Cloud Run a token is believed since IAM has checked the header; nobody has checked a cookie
        cookie = request.cookies.get(COOKIE) if invoker.auth == "google" else None
        await _email(parts.tokens, await _bearer(request), invoker.audiences, accounts, cookie)


async def _pusher(parts: Needs, bearer: Bearer) -> None:
    """Only Pub/Sub, by the service account that the push subscription was given."""
    if parts.tokens is not None:
        invoker = parts.settings.invoker
        await _email(parts.tokens, bearer, invoker.push_audience, invoker.push_account)


Caller = Annotated[str, Depends(_caller)]
Reading = Annotated[Parts, Depends(reading)]
"""For routes about customers: who may ask for runs need not be allowed to see them."""
MayWatch = Depends(_watcher)
FromPubSub = Depends(_pusher)
