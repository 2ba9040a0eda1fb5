"""Kills a random component of a running stack every few seconds: a part of it, or the process of a flow run."""

import random
import threading
import time
from collections import Counter

import psutil

from deployments.local.layout import Layout
from deployments.local.supervise import part_states
from tests.e2e.local_stack import LocalStack

FLOW_RUN = "a flow run"
PAUSE = (0.4, 1.0)
"""Between two kills, in times of an undisturbed run: 3 to 8 seconds where a run takes 8. A part that has not been up
for twenty seconds is left to come up: the supervisor gives up on one that does not stay.
"""


class Killer:
    def __init__(self, stack: LocalStack, seed: int, run_seconds: float) -> None:
        self.killed: Counter[str] = Counter()
        self._stack = stack
        self._layout = Layout(stack.folder / "stack")
        self._pause = [run_seconds * times for times in PAUSE]
        self._random = random.Random(seed)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._kill, name="killer")

    def __enter__(self) -> "Killer":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._done.set()
        self._thread.join()

    def _kill(self) -> None:
        while not self._done.wait(self._random.uniform(*self._pause)):
            victim = self._random.choice([*self._parts(), FLOW_RUN, FLOW_RUN, FLOW_RUN])
            process = self._flow_run() if victim == FLOW_RUN else self._parts().get(victim)
            if process is None:
                continue
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
            self.killed[victim] += 1
            print(f"{time.strftime('%H:%M:%S')} killed {victim}", flush=True)

    def _parts(self) -> dict[str, psutil.Process]:
        found = {}
        for state in sorted(part_states(self._layout), key=lambda state: str(state["name"])):
            if state["statename"] == "RUNNING" and psutil.pid_exists(state["pid"]):
                found[state["name"]] = psutil.Process(state["pid"])
        return found

    def _flow_run(self) -> psutil.Process | None:
        found = self._stack.flow_processes()
        return self._random.choice(found) if found else None
