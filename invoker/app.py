"""The invoker as an ASGI application: all its parts are put together here."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from errors import Permanent, Retryable
from invoker.accept import Acceptance
from invoker.certificates import Certificates
from invoker.consumer import Consumers
from invoker.handle import Handle, Handlers
from invoker.logs import configure_logging, without_tracebacks
from invoker.look import Looker
from invoker.middleware import BodyLimit, LoopbackOnly, RequestLog
from invoker.parts import Parts
from invoker.prefect_api import PrefectApi
from invoker.problems import ANYWHERE, install_problems
from invoker.ready import Ready
from invoker.reports import Reports
from invoker.routes import customers, health, invoke, push, reports, runs, score, segments, session, start
from invoker.tokens import Tokens
from invoker.traffic import Traffic
from messenger.messenger import INVOKER_REQUESTS, REGISTER_STATUSES, Messenger
from pipelines import RESULTS
from register.register import Register
from settings import Settings, get_settings
from snapshot.layout import snapshots_folder
from snapshot.shelf import Shelf
from wiring import open_messenger, open_register

SWEEP_AFTER = 5.0
"""Seconds after the start."""
log = logging.getLogger(__name__)


class NotSetUp(Permanent):
    """The Messenger lacks something without which messages would be lost."""


def put_together(settings: Settings, messenger: Messenger, register: Register, traffic: Traffic) -> Parts:
    deadline, published = timedelta(seconds=settings.orchestrator.step_deadline), settings.published
    flow_runs = PrefectApi(settings.prefect)
    looker = Looker(register, flow_runs, patience=deadline)
    invoker = settings.invoker
    handlers = Handlers(messenger, register, flow_runs)
    consumers = Consumers(
        messenger,
        _pulled(handlers, traffic) if invoker.pull else {},
        lease=settings.messenger.lease,
        graceful=invoker.graceful_timeout,
    )
    tokens = Tokens(Certificates(invoker.certificates), behind_cloud_run=invoker.auth == "cloud-run")
    return Parts(
        settings=settings,
        messenger=messenger,
        register=register,
        flow_runs=flow_runs,
        acceptance=Acceptance(register, messenger, looker, deadline=deadline),
        looker=looker,
        handlers=handlers,
        consumers=consumers,
        ready=Ready(messenger, register, flow_runs, consumers),
        shelf=Shelf(snapshots_folder(published.path, RESULTS), most=published.snapshots),
        reports=Reports(published.path / RESULTS),
        tokens=None if invoker.auth == "none" else tokens,
    )


def _check_set_up(messenger: Messenger, kind: str) -> None:
    """The embedded Messenger belongs to this machine and is set up at once; a broker is somebody's decision."""
    if kind == "embedded":
        messenger.setup()
    if missing := messenger.missing():
        raise NotSetUp("the Messenger is not set up; missing:\n  " + "\n  ".join(missing))


def _pulled(handlers: Handlers, traffic: Traffic) -> Mapping[str, Handle]:
    return {INVOKER_REQUESTS: traffic.giving_way(handlers.request), REGISTER_STATUSES: handlers.status}


@asynccontextmanager
async def _sweeping(parts: Parts) -> AsyncIterator[None]:
    """Not at once: what was claimed a moment ago is being published by whoever claimed it."""
    began = datetime.now(UTC)

    async def sweep() -> None:
        await asyncio.sleep(SWEEP_AFTER)
        try:
            await run_in_threadpool(parts.acceptance.sweep, began)
        except Retryable as error:
            log.warning("runs that were claimed and not published wait for the next request or start: %s", error)

    sweeping = asyncio.create_task(sweep())
    try:
        yield
    finally:
        sweeping.cancel()


@asynccontextmanager
async def running(settings: Settings, traffic: Traffic) -> AsyncIterator[Parts]:
    """Messenger and register are open, and messages are taken, as long as the context lasts. Raises NotSetUp."""
    async with AsyncExitStack() as closing:
        messenger = open_messenger(settings)
        closing.callback(messenger.close)
        register = open_register(settings)
        closing.callback(register.close)
        await run_in_threadpool(_check_set_up, messenger, settings.messenger.kind)
        parts = put_together(settings, messenger, register, traffic)
        closing.push_async_callback(parts.flow_runs.close)
        closing.callback(parts.shelf.close)
        await closing.enter_async_context(parts.consumers.running())
        await closing.enter_async_context(_sweeping(parts))
        yield parts


def create_app(settings: Settings | None = None) -> FastAPI:
    """For a server: `uvicorn invoker.app:create_app --factory`."""
    chosen = settings or get_settings()
    configure_logging(chosen.invoker.log_format)
    traffic = Traffic()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as life:
            try:
                app.state.parts = await life.enter_async_context(running(chosen, traffic))
            except (Permanent, Retryable) as error:
                log.error("the invoker does not start: %s", error)
                without_tracebacks()
                raise
            yield

    app = FastAPI(
        title="Invoker",
        summary="The Workload's contact point: asks for runs, and tells how they go.",
        version="1",
        lifespan=lifespan,
        responses=ANYWHERE,
        # their pages load scripts from other hosts
        docs_url=None,
        redoc_url=None,
    )
    # looked through in this order for each request
    for routes in (customers, score, invoke, segments, runs, reports, start, session, push, health):
        app.include_router(routes.router)
    install_problems(app)
    app.add_middleware(BodyLimit, limit=chosen.invoker.max_body, push=push.PATH, push_limit=push.LARGEST)
    if chosen.invoker.auth == "none":
        app.add_middleware(LoopbackOnly)
    app.add_middleware(RequestLog, traffic=traffic)
    return app
