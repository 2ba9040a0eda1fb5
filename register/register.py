"""What a register of runs promises, and the rules by which attempts are numbered and news is merged.

The register is news, not truth: what a run has really done stands in the warehouse's ledger. It exists so that
a request can be answered (which run, how is it going, was this date asked for before) while Prefect is down
and while the warehouse is in use.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, computed_field

from errors import Permanent, Retryable
from messenger.contract import ORCHESTRATE, Failure, RunDate, RunRequest, RunStatus, Scalar

CONTINUED_BY = "continued_by"
"""The fact of a failed run that names the attempt which goes on."""

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

    @computed_field  # type: ignore[prop-decorator]
    @property
    def continued_by(self) -> str | None:
        """The run that goes on where this one failed: the next attempt, by the same orchestrator."""
        facts = next((news.facts for news in self.steps if news.step == ORCHESTRATE), {})
        found = facts.get(CONTINUED_BY)
        return None if found is None else str(found)

    @property
    def failed_step(self) -> str | None:
        """The step that failed the run, by what its orchestrator told."""
        facts = next((news.facts for news in self.steps if news.step == ORCHESTRATE), {})
        found = facts.get("failed_step")
        return None if found is None else str(found)


class Turn(BaseModel):
    """Whether a run may go on now; if not, the run that is before it. Its own id: another holder carries it out."""

    model_config = ConfigDict(frozen=True)

    mine: bool
    before: str | None = None


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

    def go_on(self, failed: RunStatus, *, requested_by: str, now: datetime) -> Run | None:
        """Notes that a run has failed, and claims the next attempt with its parameters, both or neither.

        None, and nothing is changed, when a newer attempt was asked for meanwhile.
        """

    def take_turn(
        self, run_id: str, holder: str, *, at_once: int, lease: timedelta, patience: timedelta, now: datetime
    ) -> Turn:
        """Waits in line, or goes on: atomic, and never longer than the holder is heard of.

        A holder is one process. Who does not call this or `keep_turn` again within `lease` has left the line, and
        leaves a turn that he had to the next. Of one pipeline at most `at_once` runs have their turn, never two of one
        run_date. Earlier run_dates go first, also those that were asked for within `patience` and are not in the
        line yet. The run must be known.
        """

    def keep_turn(self, run_id: str, holder: str, *, lease: timedelta, now: datetime) -> bool:
        """False when the lease had ended: another holder may have the turn."""

    def end_turn(self, run_id: str, holder: str) -> None:
        """Leaves the line, or ends the turn."""

    def holder_of(self, run_id: str, *, now: datetime) -> str | None:
        """Who is in line for the run, or has its turn; None when nobody is heard of any more."""

    def last_before(self, pipeline: str, run_date: date) -> Run | None:
        """The newest attempt of the last run_date before this one that was ever asked for."""

    def get(self, run_id: str) -> Run | None: ...

    def list(self, *, limit: int = 50, pipeline: str | None = None) -> Sequence[Run]:
        """Newest request first."""

    def close(self) -> None: ...
