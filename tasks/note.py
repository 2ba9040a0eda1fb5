"""Note: how a run stands is told to the register first, and then to whoever else listens."""

from datetime import UTC, datetime, timedelta

from messenger.contract import RunStatus
from register.register import Register
from tasks.report import tell

TELLING = timedelta(seconds=10)
"""The register knows how the run ended; that others hear of it is tried for so long."""


def note(register: Register, status: RunStatus) -> None:
    """Whether or not the Messenger is there, the register knows. Raises RegisterUnavailable."""
    register.note_status(status)
    tell(status, until=datetime.now(UTC) + TELLING)
