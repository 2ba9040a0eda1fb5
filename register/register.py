"""What a register of runs promises, and the rules by which attempts are numbered and news is merged.

The register is news, not truth: what a run has really done stands in the warehouse's ledger. It exists so that
a request can be answered (which run, how is it going, was this date asked for before) while Prefect is down
and while the warehouse is in use.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict

from errors import Permanent, Retryable
from messenger.contract import Failure, RunDate, RunRequest, RunStatus, Scalar

RunState = Literal["requested", "started", "succeeded", "failed"]


class StepNews(BaseModel):
    """The newest state known of one step, `orchestrate` (the run as a whole) among them."""

    model_config = ConfigDict(frozen=True)

    step: str
    state: RunState
    facts: Mapping[str, Scalar] = {}
    error: Failure | None = None
    flow_run_id: str | None = None
    at: datetime


class Run(BaseModel):
    """One run as far as it is known here. Succeeded means confirmed by the orchestrator."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    pipeline: str
    run_date: RunDate
    attempt: int
    parameters: Mapping[str, Scalar]
    requested_by: str
    requested_at: datetime
    published: bool
    state: RunState
    error: Failure | None = None
    steps: Sequence[StepNews] = ()

    @property
    def final(self) -> bool:
        return self.state in ("succeeded", "failed")


class ParametersConflict(Permanent):
    """The date was asked for before with other parameters; ask with force for a new attempt."""


class RegisterUnavailable(Retryable):
    """The register cannot be read or written; nothing was changed. Worth trying again."""


class Register(Protocol):
    """Safe for several threads. Everything but `close` may raise RegisterUnavailable."""

    def claim(
        self,
        pipeline: str,
        run_date: date,
        parameters: Mapping[str, Scalar],
        *,
        force: bool,
        requested_by: str,
        now: datetime,
        published: bool = False,
    ) -> tuple[Run, bool]:
        """The run that answers this request, and whether it is new. Atomic: of many at once, one is new.

        Who carries the run out without a message claims it as `published`: nobody else will ask for it then.

        The newest attempt answers unless it failed or `force` is given: then a new attempt, one higher.
        Raises ParametersConflict when the newest attempt has not failed and has other parameters.
        """

    def mark_published(self, run_id: str) -> None:
        """The request for the run is durable in the Messenger."""

    def note_request(self, request: RunRequest) -> None:
        """A step of the run was asked for. A run not known here, as after a lost register, is known from now on."""

    def note_status(self, status: RunStatus) -> None:
        """News about a step, durable. Doubled and late news change nothing; a final state is never left."""

    def get(self, run_id: str) -> Run | None: ...

    def list(self, *, limit: int = 50, pipeline: str | None = None) -> Sequence[Run]:
        """Newest request first."""

    def close(self) -> None: ...
