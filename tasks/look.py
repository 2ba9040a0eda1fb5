"""Look: what Prefect knows of a step's flow run. While Prefect does not answer, nothing is known."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import httpx
from prefect import runtime
from prefect._internal.control_listener import get_intent
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, FlowRunFilterIdempotencyKey
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from messenger.contract import RunRequest

WITHIN = 2.0
"""Seconds for Prefect to answer."""
BLIND = 5.0
"""Seconds without another look after Prefect did not answer: each would hold up the messages."""


@dataclass(frozen=True, slots=True)
class Seen:
    """`known` is False when Prefect did not answer. Known and without a flow run: there is none."""

    known: bool
    flow_run: FlowRun | None = None

    @property
    def final(self) -> bool:
        return self.flow_run is not None and self.flow_run.state is not None and self.flow_run.state.is_final()

    @property
    def begun(self) -> bool:
        """Whether its process runs or has run; a flow run that is scheduled, late or pending has none yet."""
        state = self.flow_run.state if self.flow_run else None
        return state is not None and not state.is_scheduled() and not state.is_pending()


UNKNOWN = Seen(known=False)


class Lookout:
    """Looks for flow runs by the key under which the invoker creates them, never for longer than WITHIN."""

    def __init__(self) -> None:
        self._blind_until = 0.0

    def __call__(self, request: RunRequest) -> Seen:
        if time.monotonic() < self._blind_until:
            return UNKNOWN
        try:
            return Seen(True, find_flow_run(request.key))
        except httpx.HTTPError:
            self._blind_until = time.monotonic() + BLIND
            return UNKNOWN


def is_cancelled_by_somebody() -> bool:
    """Whether the flow run of this process is to end because it was cancelled, and not because its worker ends."""
    if get_intent() == "cancel":
        return True
    try:
        found = find_flow_run_by_id(str(runtime.flow_run.id))
    except httpx.HTTPError:
        return False
    return is_cancelled(found)


def is_cancelled(flow_run: FlowRun | None) -> bool:
    """Whether somebody has cancelled it, and be it that it has not ended yet."""
    state = flow_run.state if flow_run else None
    return state is not None and (state.is_cancelling() or state.is_cancelled())


def find_flow_run(key: str) -> FlowRun | None:
    """Raises httpx.HTTPError when Prefect cannot be asked."""
    return _find(FlowRunFilter(idempotency_key=FlowRunFilterIdempotencyKey(any_=[key])))


def find_flow_run_by_id(flow_run_id: str) -> FlowRun | None:
    """Raises httpx.HTTPError when Prefect cannot be asked."""
    return _find(FlowRunFilter(id=FlowRunFilterId(any_=[UUID(flow_run_id)])))


@contextmanager
def brief_client() -> Iterator[SyncPrefectClient]:
    """For those who go on without an answer: asks once, and not for longer than WITHIN."""
    with (
        temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
        get_client(sync_client=True, httpx_settings={"timeout": WITHIN}) as client,
    ):
        yield client


def _find(wanted: FlowRunFilter) -> FlowRun | None:
    with brief_client() as client:
        found = client.read_flow_runs(flow_run_filter=wanted, limit=1)
    return found[0] if found else None
