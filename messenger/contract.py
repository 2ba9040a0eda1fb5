"""What the Orchestrator and the Workload say to each other, and nothing else they may assume.

Two messages, JSON in UTF-8: a `RunRequest` asks for one step of one run, a `RunStatus` tells how it goes.
Both are frozen and refuse fields they do not know, so that a misspelt field is an error and not a surprise.
"""

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

ORCHESTRATE = "orchestrate"
"""The step that stands for the whole run: a request for it starts the Orchestrator's flow."""


def parse_run_date(value: Any) -> Any:
    """Only a date, or a text of the form YYYY-MM-DD: pydantic alone would take 20260101 for seconds."""
    if isinstance(value, datetime):
        raise ValueError("a run_date has no time; write it as YYYY-MM-DD")
    if isinstance(value, date):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        raise ValueError("a run_date is written as YYYY-MM-DD")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"{value} is not a day of the calendar: {error}") from None


RunDate = Annotated[date, BeforeValidator(parse_run_date)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$", description="name of a pipeline or a step")]
Attempt = Annotated[int, Field(ge=1, strict=True)]
Scalar = str | int | float | bool | None
State = Literal["started", "succeeded", "failed"]


def run_id_of(pipeline: str, run_date: date, attempt: int) -> str:
    """The identity of a run: one orchestrated execution."""
    return f"{pipeline}-{run_date.isoformat()}-{attempt}"


def dated(run_id: str) -> str:
    """Pipeline and date of it, without the attempt. Those of a pipeline sort as their dates follow each other."""
    return run_id.rpartition("-")[0]


class Message(BaseModel):
    """What both messages say: which step of which run they are about."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    run_id: str
    pipeline: Name
    step: Name
    run_date: RunDate
    attempt: Attempt

    @model_validator(mode="after")
    def _run_id_fits(self) -> Self:
        expected = run_id_of(self.pipeline, self.run_date, self.attempt)
        if self.run_id != expected:
            raise ValueError(f"run_id is {self.run_id!r}, but pipeline, run_date and attempt make it {expected!r}")
        return self

    @property
    def key(self) -> str:
        """The idempotency key of the step's flow run in Prefect."""
        return f"{self.run_id}/{self.step}"

    def encode(self) -> bytes:
        return self.model_dump_json().encode()

    def attributes(self) -> dict[str, str]:
        """What a broker needs to route the message without parsing it."""
        return {
            "version": str(self.version),
            "type": type(self).__name__,
            "pipeline": self.pipeline,
            "step": self.step,
            "run_id": self.run_id,
        }


class RunRequest(Message):
    """Asks the Workload for one step of a run."""

    parameters: dict[str, Scalar] = {}
    inputs: dict[Name, str] = Field({}, description="by step: the earlier run whose confirmed result is built on")
    requested_by: str = Field(max_length=200)
    requested_at: AwareDatetime
    deadline: AwareDatetime

    def same_work(self, other: "RunRequest") -> bool:
        """Whether both ask for the same thing; who asked and when does not matter."""
        return (self.key, self.parameters, self.inputs) == (other.key, other.parameters, other.inputs)

    def run_of(self, step: str) -> str:
        """The run whose result of an earlier step this one builds on: its own, unless another is named."""
        return self.inputs.get(step, self.run_id)


class Failure(BaseModel):
    """Why a step failed: the error's type and one line, without customer data; and whether it may pass."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str = Field(max_length=200)
    message: str = Field(max_length=1000)
    retryable: bool = Field(False, description="the cause lies outside and may pass: worth another attempt")


class RunStatus(Message):
    """News from the Workload about one step of a run."""

    state: State
    facts: dict[str, Scalar] = {}
    error: Failure | None = None
    flow_run_id: str | None = None
    at: AwareDatetime

    @property
    def final(self) -> bool:
        return self.state != "started"

    @model_validator(mode="after")
    def _error_only_when_failed(self) -> Self:
        if (self.error is not None) != (self.state == "failed"):
            raise ValueError("a failed status says its error, and only a failed one does")
        return self
