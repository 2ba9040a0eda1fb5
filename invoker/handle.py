"""What becomes of a delivery, pulled or pushed: requests are dispatched, statuses go to the register."""

from collections.abc import Awaitable, Callable

from starlette.concurrency import run_in_threadpool

from invoker.dispatch import dispatch
from invoker.flow_runs import FlowRuns
from invoker.logs import about
from messenger.contract import RunStatus
from messenger.decode import decode_request, decode_status
from messenger.messenger import STATUSES, Delivery, Messenger
from messenger.probe import is_probe
from register.register import Register

Handle = Callable[[Delivery], Awaitable[None]]
"""Returns when the message's effect is durable. Raises Permanent for a dead letter, Retryable to try again."""


class Handlers:
    def __init__(self, messenger: Messenger, register: Register, flow_runs: FlowRuns) -> None:
        self._messenger = messenger
        self._register = register
        self._flow_runs = flow_runs

    async def request(self, delivery: Delivery) -> None:
        """The flow run exists, and the register knows that the step was asked for."""
        request = decode_request(delivery)
        with about(run_id=request.run_id, step=request.step):
            await dispatch(request, self._flow_runs, self.tell)
            await run_in_threadpool(self._register.note_request, request)

    async def status(self, delivery: Delivery) -> None:
        """The register knows the news. The health check's probe is none."""
        if is_probe(delivery.attributes):
            return
        status = decode_status(delivery)
        with about(run_id=status.run_id, step=status.step):
            await run_in_threadpool(self._register.note_status, status)

    async def tell(self, status: RunStatus) -> None:
        """Publishes a status, as the step itself would have. Raises MessengerUnavailable."""
        await run_in_threadpool(self._messenger.publish, STATUSES, status.encode(), status.attributes())
