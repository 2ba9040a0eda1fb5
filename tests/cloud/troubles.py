"""Troubles of a platform: what a test asks for, and the next calls get."""

import threading


class Troubles:
    """The next calls of an operation are answered with these, one after the other."""

    def __init__(self) -> None:
        self._planned: dict[str, list] = {}
        self._lock = threading.Lock()
        self.calls: list[str] = []

    def plan(self, operation: str, *troubles) -> None:
        with self._lock:
            self._planned.setdefault(operation, []).extend(troubles)

    def next(self, operation: str):
        """What the call gets instead of its answer; None: nothing is in its way."""
        with self._lock:
            self.calls.append(operation)
            planned = self._planned.get(operation)
            return planned.pop(0) if planned else None

    def left(self) -> int:
        with self._lock:
            return sum(map(len, self._planned.values()))

    def forget(self) -> None:
        with self._lock:
            self._planned.clear()
            self.calls.clear()
