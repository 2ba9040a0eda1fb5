"""Around every request: an id, a log line, a limit for the body, and an answer whatever happens."""

import logging
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from http import HTTPStatus
from ipaddress import ip_address

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from invoker.logs import about, request_id
from invoker.problems import OURS, problem_response
from invoker.traffic import Traffic

REQUEST_ID = b"x-request-id"
NO_SNIFFING = (b"x-content-type-options", b"nosniff")
"""What an answer is stands in its content type, and a browser shall not guess."""
QUIET = ("/healthcheck", "/readiness")
"""Asked every few seconds by machines: only their failures are logged."""
CUSTOMERS = "/customers/"
TOO_LARGE = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
log = logging.getLogger(__name__)


class RequestLog:
    """Gives each request its id, in the log and in the answer; the path is logged, what was sent is not."""

    def __init__(self, app: ASGIApp, *, traffic: Traffic) -> None:
        self._app = app
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        given = request_id(_header(scope, REQUEST_ID))
        status, began = 0, time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (REQUEST_ID, given.encode()), NO_SNIFFING]
            await send(message)

        with about(request_id=given), self._traffic.request():
            try:
                await self._app(scope, receive, send_with_id)
            except Exception:
                log.exception("%s %s broke", scope["method"], _logged(scope["path"]))
                if status == 0:
                    broken = problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, OURS)
                    await broken(scope, receive, send_with_id)
            if scope["path"] not in QUIET or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                spent = (time.perf_counter() - began) * 1000
                log.info("%s %r %d %.0f ms", scope["method"], _logged(scope["path"]), status, spent)
        return None


def _logged(path: str) -> str:
    """The path without the customer's id."""
    if not path.startswith(CUSTOMERS):
        return path
    return f"{CUSTOMERS}…/explain" if path.endswith("/explain") else f"{CUSTOMERS}…"


def _header(scope: Scope, name: bytes, default: str = "") -> str:
    """`name` in small letters, as ASGI has them. Nothing is made of the others: this is asked of every request."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), default)


class BodyLimit:
    """Refuses bodies of more than `limit` bytes, on the path `push` of more than `push_limit`."""

    def __init__(self, app: ASGIApp, *, limit: int, push: str, push_limit: int) -> None:
        self._app = app
        self._limit = limit
        self._push = push
        self._push_limit = push_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        limit = self._push_limit if scope["path"] == self._push else self._limit
        told = _header(scope, b"content-length", "0")
        if not told.isdecimal() or int(told) > limit:
            return await problem_response(TOO_LARGE, _more_than(limit))(scope, receive, send)
        return await self._app(scope, _counted(receive, limit), send)


def _counted(receive: Receive, limit: int) -> Callable[[], Awaitable[Message]]:
    received = 0

    async def receive_counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise HTTPException(TOO_LARGE, _more_than(limit))
        return message

    return receive_counted


def _more_than(limit: int) -> str:
    return f"the body has more than {limit} bytes"


class LoopbackOnly:
    """Without authentication only this machine is answered, whatever address a server was told to listen on.

    Nor is a web page of another site that this machine's browser shows, whatever name that site has given to this
    machine's address.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not (
            _came_by_loopback(scope) and _of_no_other_site(scope) and _by_own_name(scope)
        ):
            detail = "INVOKER_AUTH=none answers this machine only; set INVOKER_AUTH=google"
            return await problem_response(HTTPStatus.FORBIDDEN, detail)(scope, receive, send)
        return await self._app(scope, receive, send)


def _came_by_loopback(scope: Scope) -> bool:
    """A Unix socket, too, is of this machine: it has a path and no port."""
    host, port = scope.get("server") or ("", None)
    loopback = _is_loopback(host)
    return port is None if loopback is None else loopback


def _of_no_other_site(scope: Scope) -> bool:
    return _header(scope, b"sec-fetch-site") != "cross-site"


def _by_own_name(scope: Scope) -> bool:
    """Without the name nobody is asked: a browser always sends it."""
    host = _header(scope, b"host", "localhost")
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    return name == "localhost" or _is_loopback(name.strip("[]")) is True


@lru_cache(maxsize=16)
def _is_loopback(address: str) -> bool | None:
    """None: it is no address."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return None
