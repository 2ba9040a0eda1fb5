"""What the invoker needs of Prefect: to create a flow run under a key, and to see how one ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from errors import Permanent, Retryable

ENDED_BADLY = frozenset({"FAILED", "CRASHED", "CANCELLED"})
"""Prefect's types of states in which a flow run has ended and its work is not done."""


class PrefectUnavailable(Retryable):
    """Prefect cannot be reached, or answers that something is wrong on its side."""


class FlowRunRefused(Permanent):
    """Prefect has no such deployment, or does not take these parameters for it."""


@dataclass(frozen=True, slots=True)
class FlowRun:
    """`state` is Prefect's type of state (`SCHEDULED`, `RUNNING`, `CRASHED` …), `state_name` the name people see."""

    id: str
    state: str
    state_name: str
    parameters: Mapping[str, Any]
    ended_at: datetime | None

    @property
    def ended_well(self) -> bool:
        return self.state == "COMPLETED"

    @property
    def crashed(self) -> bool:
        """Its process died, or was taken away: the work may be begun anew."""
        return self.state == "CRASHED"

    @property
    def ended_badly(self) -> bool:
        return self.state in ENDED_BADLY


class FlowRuns(Protocol):
    async def create(
        self,
        deployment: str,
        *,
        key: str,
        name: str,
        parameters: Mapping[str, Any],
        tags: Sequence[str],
        labels: Mapping[str, str],
    ) -> tuple[FlowRun, bool]:
        """The deployment's flow run of this key, and whether it is new.

        `labels` go to what the platform starts for the run: a Cloud Run job, a Vertex AI job.

        Prefect gives back the flow run that it already has under the key, whatever became of it and whatever
        its parameters are. Raises PrefectUnavailable, FlowRunRefused.
        """

    async def find(self, key: str, *, within: float) -> FlowRun | None:
        """The flow run of this key, in `within` seconds at the most. Raises PrefectUnavailable."""

    async def get(self, flow_run_id: str, *, within: float) -> FlowRun | None:
        """The flow run of this id, in `within` seconds at the most. Raises PrefectUnavailable."""

    async def check(self, *, within: float) -> None:
        """Raises PrefectUnavailable unless Prefect answers in `within` seconds."""

    async def close(self) -> None: ...
