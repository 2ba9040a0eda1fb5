"""An alert: what is wrong, with which run or part, and what to do. No customer data is in it."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Cause = Literal[
    "failed", "crashed", "never-started", "unconfirmed", "late", "stuck", "dead-letters", "health", "report", "drift"
]
"""Each has a section of this name in docs/operations.md."""

LONGEST_TEXT = 1000
"""Characters of the text of an alert; it has to fit into a chat message, and into a variable of Prefect."""


class Alert(BaseModel):
    """One cause with one thing: the same again is the same alert, whatever the attempt.

    `about` is a pipeline and run_date such as `rfm 2026-11-23`, a pipeline, or the name of a health check; `log` an
    address.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cause: Cause
    about: str = Field(pattern=r"^[a-z][a-z0-9 _-]{0,99}$")
    text: str = Field(max_length=LONGEST_TEXT)
    since: datetime
    run_id: str | None = None
    step: str | None = None
    attempts: int | None = None
    log: str | None = None


def about_run(pipeline: str, run_date: object) -> str:
    return f"{pipeline} {run_date}"


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:LONGEST_TEXT] or type(error).__name__


def message(alert: Alert, runbook: str) -> tuple[str, str]:
    """Title and text. `runbook` is the address or path of docs/operations.md."""
    lines = {
        "Run": alert.run_id,
        "Step": alert.step,
        "Cause": alert.text,
        "Attempts": alert.attempts,
        "Since": f"{alert.since:%Y-%m-%d %H:%M:%S %Z}",
        "Log": alert.log,
        "What to do": f"{runbook}#{alert.cause}",
    }
    return f"[{alert.cause}] {alert.about}", "\n".join(f"{name}: {said}" for name, said in lines.items() if said)


def recovery(about: str, over: list[Alert]) -> tuple[str, str]:
    """Title and text of the message that these alerts are over."""
    lines = [f"{alert.cause}, since {alert.since:%Y-%m-%d %H:%M:%S %Z}: over" for alert in over]
    return f"[recovered] {about}", "\n".join(lines)
