"""The two kinds of errors that decide what happens next. Their text is shown to people: no customer data in it."""

import traceback
from pathlib import Path

PASSING = frozenset({408, 429, 500, 502, 503, 504})
"""HTTP statuses after which the same is worth another try."""


class Retryable(Exception):
    """The cause lies outside and may pass: the same thing is worth trying again."""


class Permanent(Exception):
    """Trying again cannot help: a person has to look at it."""


def place_of(error: BaseException) -> str:
    """Where it was raised, all that is told of an error that is neither: its text may hold customer data."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"
