"""What the routes work with, opened once for the life of the app."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from invoker.accept import Acceptance
from invoker.consumer import Consumers
from invoker.flow_runs import FlowRuns
from invoker.handle import Handlers
from invoker.look import Looker
from invoker.ready import Ready
from invoker.reports import Reports
from invoker.tokens import Tokens
from messenger.messenger import Messenger
from register.register import Register
from settings import Settings
from snapshot.shelf import Shelf


@dataclass(frozen=True, slots=True)
class Parts:
    """`tokens` is None where no token is asked for."""

    settings: Settings
    messenger: Messenger
    register: Register
    flow_runs: FlowRuns
    acceptance: Acceptance
    looker: Looker
    handlers: Handlers
    consumers: Consumers
    ready: Ready
    shelf: Shelf
    reports: Reports
    tokens: Tokens | None


async def parts_of(request: Request) -> Parts:
    """Async though it waits for nothing: FastAPI would send it to a thread and back."""
    parts: Parts = request.app.state.parts
    return parts


Needs = Annotated[Parts, Depends(parts_of)]
