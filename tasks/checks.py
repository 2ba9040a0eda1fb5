"""What a check of tasks/confirm.py gives and raises: apart from it, so that a pipeline's own check can import it."""

from collections.abc import Mapping

from errors import Permanent

Checks = Mapping[str, bool]
"""What has to hold, in words, and whether it does."""


class NotConfirmed(Permanent):
    """The step said that it succeeded, and what it left in the warehouse does not bear it out."""
