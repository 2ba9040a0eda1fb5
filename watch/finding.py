"""What a health check found, and what people are told of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from errors import Permanent, Retryable
from warehouse.warehouse import WarehouseBusy
from watch.alert import LONGEST_TEXT, Alert, Cause, one_line

State = Literal["ok", "busy", "failed"]


@dataclass(frozen=True, slots=True)
class Found:
    """One line that says what was seen; with alerts it is not well."""

    said: str
    alerts: Sequence[Alert] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """`cause` is that of the alerts it brings. `look` raises what keeps the part from working."""

    name: str
    look: Callable[[], Found]
    cause: Cause = "health"


@dataclass(frozen=True, slots=True)
class Finding:
    """`busy`: somebody else uses the part, which is no failure; nothing was learnt, so nothing is told."""

    check: Check
    state: State
    said: str
    alerts: Sequence[Alert] = field(default=())

    def settles(self, alert: Alert) -> bool:
        """Whether an open alert is over by this: the check has looked, and does not find it any more."""
        if self.state == "busy" or any(_same(alert, ours) for ours in self.alerts):
            return False
        if alert.cause == "health":
            return alert.about == self.check.name
        return alert.cause == self.check.cause and not any(ours.cause == "health" for ours in self.alerts)


def examine(check: Check) -> Finding:
    """Looks; whatever it raises is a finding too, so that one part never hides the others."""
    try:
        found = check.look()
    except WarehouseBusy as busy:
        return Finding(check, "busy", one_line(busy))
    except Exception as error:  # of whatever kind: it is shown and told
        ours = isinstance(error, Permanent | Retryable)
        said = one_line(error) if ours else type(error).__name__
        return Finding(check, "failed", said, (unwell(check.name, said),))
    return Finding(check, "failed" if found.alerts else "ok", found.said, found.alerts)


def unwell(check: str, said: str) -> Alert:
    return Alert(cause="health", about=check, text=said[:LONGEST_TEXT], since=datetime.now(UTC))


def _same(one: Alert, other: Alert) -> bool:
    return (one.cause, one.about) == (other.cause, other.about)
