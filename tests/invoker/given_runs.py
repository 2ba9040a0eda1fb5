"""Runs that were asked for, and what was told of them, as the invoker's register has it."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, date, datetime

from messenger.contract import Failure, RunStatus
from register.register import Register
from register.sqlite import SqliteRegister
from settings import Settings
from tests.invoker.google import ACCOUNT
from tests.messages import status

NOW = datetime.now(UTC)
Told = Sequence[tuple[str, str, Failure | None]]
"""Step, state, and why it failed."""


def given_runs(settings: Settings, told: Mapping[date, Told]) -> None:
    with closing(SqliteRegister(settings.runs.path)) as register:
        for day, news in told.items():
            ask_for(register, day)
            for step, state, error in news:
                tell(register, day, step, state, error)


def ask_for(register: Register, day: date, *, force: bool = False) -> None:
    register.claim("rfm", day, {}, force=force, requested_by=ACCOUNT, now=NOW, published=True)


def tell(
    register: Register, day: date, step: str, state: str, error: Failure | None = None, *, attempt: int = 1
) -> None:
    news = status(state, step, run_date=day, attempt=attempt)
    register.note_status(RunStatus.model_validate(news.model_dump() | {"error": error, "at": NOW}))
