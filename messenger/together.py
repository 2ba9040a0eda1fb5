"""Calls of several threads that come together become one call, so that each thread costs a part of a round trip."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Part(Generic[T]):
    item: T
    settled: bool = False
    error: Exception | None = None


class Together(Generic[T]):
    """`call` takes what came while the call before it was on its way, at most `most` at once."""

    def __init__(self, call: Callable[[Sequence[T]], object], *, most: int) -> None:
        self._call = call
        self._most = most
        self._lock = Lock()
        self._parts: deque[_Part[T]] = deque()

    def __call__(self, item: T) -> None:
        """Returns once a call with the item has returned. Raises what it raised."""
        part = _Part(item)
        self._parts.append(part)
        while not part.settled:
            with self._lock:
                if not part.settled:
                    self._settle([self._parts.popleft() for _ in range(min(len(self._parts), self._most))])
        if part.error is not None:
            raise part.error

    def _settle(self, parts: Sequence[_Part[T]]) -> None:
        error: Exception | None = None
        try:
            self._call([part.item for part in parts])
        except Exception as raised:
            error = raised
        for part in parts:
            part.settled, part.error = True, error
