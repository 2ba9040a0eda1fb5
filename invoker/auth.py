"""Who may ask: the caller of a route, by the setting INVOKER_AUTH."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from invoker.certificates import CertificatesUnavailable
from invoker.parts import Needs
from invoker.problems import ProblemError, unavailable
from invoker.tokens import BadToken, NotAllowed, Tokens

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="Google ID token",
    description="where INVOKER_AUTH=google: the output of `gcloud auth print-identity-token`",
)
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def _names(listed: str) -> tuple[str, ...]:
    return tuple(name for name in listed.split(",") if name)


async def _email(tokens: Tokens, bearer: HTTPAuthorizationCredentials | None, audiences: str, accounts: str) -> str:
    try:
        return await tokens.email_of(
            bearer.credentials if bearer else None, audiences=_names(audiences), accounts=_names(accounts)
        )
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


async def _pusher(parts: Needs, bearer: Bearer) -> None:
    """Only Pub/Sub, by the service account that the push subscription was given."""
    if parts.tokens is not None:
        invoker = parts.settings.invoker
        await _email(parts.tokens, bearer, invoker.push_audience, invoker.push_account)


Caller = Annotated[str, Depends(_caller)]
Guarded = Depends(_caller)
"""For routes that only need to know that the caller may ask."""
FromPubSub = Depends(_pusher)
