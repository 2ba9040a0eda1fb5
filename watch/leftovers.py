"""What is left lying about: found, counted, shown, and removed unless it is a dry run."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from errors import Permanent, Retryable
from watch.alert import one_line


@dataclass(frozen=True, slots=True)
class Leftover:
    """One thing that nobody needs any more, and since when. Removing it twice does no harm."""

    name: str
    since: datetime
    remove: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Sweep:
    """One kind of leftovers, and how they are found."""

    kind: str
    find: Callable[[], Iterable[Leftover]]


@dataclass(frozen=True, slots=True)
class Swept:
    """What became of one kind. `trouble` says why some are still there."""

    kind: str
    found: int
    removed: int
    oldest: Leftover | None
    trouble: str | None = None


def sweep(one: Sweep, *, dry_run: bool) -> Swept:
    """One kind that cannot be swept does not keep the others from it."""
    found: list[Leftover] = []
    removed = 0
    try:
        found.extend(sorted(one.find(), key=lambda leftover: leftover.since))
        for leftover in [] if dry_run else found:
            leftover.remove()
            removed += 1
    except Exception as error:  # of whatever kind: it is shown, and fails the flow
        trouble = one_line(error) if isinstance(error, Permanent | Retryable) else type(error).__name__
        return Swept(one.kind, len(found), removed, found[0] if found else None, trouble)
    return Swept(one.kind, len(found), removed, found[0] if found else None)
