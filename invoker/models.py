"""What the invoker is asked and what it answers, over HTTP."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from messenger.contract import Failure, Name, RunDate, Scalar
from register.register import Run, RunState

OK, NOT_READY = "ok", "not ready"
ParameterName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
MOST_PARAMETERS, LONGEST_TEXT, LARGEST_INTEGER = 50, 1000, 2**53


def _plain(value: Scalar) -> Scalar:
    """What JSON and every store on the way give back unchanged."""
    if isinstance(value, str) and (len(value) > LONGEST_TEXT or re.search("[\x00\ud800-\udfff]", value)):
        raise ValueError(f"a text has at most {LONGEST_TEXT} characters, without NUL and lone surrogates")
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        raise ValueError(f"an integer lies within plus and minus {LARGEST_INTEGER}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number is finite")
    return value


Parameter = Annotated[Scalar, AfterValidator(_plain)]

RUN_DATE = Field(description="the day as of which customers are scored, not in the future", examples=["1998-06-30"])
FORCE = Field(description="make a new attempt, also when this date is done or under way")


class Asked(BaseModel):
    """Which run is wanted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_date: Annotated[RunDate, RUN_DATE]
    pipeline: Name = "rfm"
    force: Annotated[bool, FORCE] = False


class Invocation(Asked):
    """Which run is wanted, and with which parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [{"run_date": "1998-06-30"}]})

    parameters: Annotated[dict[ParameterName, Parameter], Field(max_length=MOST_PARAMETERS)] = {}


class Answer(BaseModel):
    """The run that answers the request, and where to ask how it goes."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "run_id": "rfm-1998-06-30-1",
                    "pipeline": "rfm",
                    "run_date": "1998-06-30",
                    "attempt": 1,
                    "state": "requested",
                    "url": "http://127.0.0.1:8080/runs/rfm-1998-06-30-1",
                }
            ]
        },
    )

    run_id: str
    pipeline: str
    run_date: RunDate
    attempt: int
    state: RunState
    url: str


class StepView(BaseModel):
    """The newest that is known of one step; `orchestrate` stands for the run as a whole."""

    model_config = ConfigDict(frozen=True)

    step: str
    state: RunState
    at: datetime
    facts: Mapping[str, Scalar]
    error: Failure | None
    flow_run_id: str | None


class RunView(BaseModel):
    """One run: succeeded means confirmed by the orchestrator."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    pipeline: str
    run_date: RunDate
    attempt: int
    state: RunState
    parameters: Mapping[str, Scalar]
    requested_by: str
    requested_at: datetime
    error: Failure | None
    continued_by: str | None = None
    """The attempt that goes on where this one failed."""
    steps: Sequence[StepView]

    @classmethod
    def of(cls, run: Run) -> Self:
        return cls.model_validate(run.model_dump())


class RunList(BaseModel):
    """Runs, newest request first."""

    model_config = ConfigDict(frozen=True)

    runs: Sequence[RunView]


class Readiness(BaseModel):
    """Each part the invoker needs: `ok`, or why it cannot be reached; to strangers only that it is `not ready`."""

    model_config = ConfigDict(
        frozen=True, json_schema_extra={"examples": [{"messenger": "ok", "register": "ok", "prefect": "ok"}]}
    )

    messenger: str
    register_: Annotated[str, Field(serialization_alias="register")]
    prefect: str

    @property
    def ready(self) -> bool:
        return (self.messenger, self.register_, self.prefect) == (OK, OK, OK)

    def for_strangers(self) -> Self:
        """Without the reasons, in which addresses and names of the project stand."""
        messenger, register, prefect = (
            said if said == OK else NOT_READY for said in (self.messenger, self.register_, self.prefect)
        )
        return type(self)(messenger=messenger, register_=register, prefect=prefect)
