"""Containers as a platform runs them: a command, started as a process in exactly the environment it was given."""

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from settings import PROJECT

SIGNALS = 128
"""A shell's way to say which signal a process ended of; container platforms report the same number."""
GRACE = 10.0
"""Seconds that a container has to end when it is told to; Cloud Run's."""
NETWORK = Path(__file__).parent / "network"


@dataclass
class Container:
    """`environment` is what the job's description gave; `timed_out`: the platform ended it."""

    command: list[str]
    environment: dict[str, str]
    process: subprocess.Popen | None
    log: Path
    timed_out: bool = False
    cancelled: bool = False
    started: float = field(default_factory=time.monotonic)

    @property
    def running(self) -> bool:
        return self.process is None or self.process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """As a platform reports it. None while it runs, and for one that never started."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        return code if code >= 0 else SIGNALS - code

    def kill(self) -> None:
        """All of its processes."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def stop(self) -> None:
        """As platforms end a container: SIGTERM to its first process alone, and SIGKILL for what does not end."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            threading.Timer(GRACE, self.kill).start()

    def cancel(self) -> None:
        self.cancelled = True
        self.stop()


class Machine:
    """Where the stand-ins start containers. `network` is what stands for the network of the platform: where Google's
    services are. `secrets` are what Secret Manager gives the platform itself."""

    def __init__(self, folder: Path, network: Mapping[str, str], secrets: Mapping[str, str]) -> None:
        self.folder = folder
        self.image = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(folder / "home"),
            "PYTHONPATH": f"{NETWORK}:{PROJECT}",
            "PYTHONUNBUFFERED": "1",
            "PREFECT_HOME": str(folder / "home" / "prefect"),
            **network,
        }
        self.secrets = secrets
        self.containers: list[Container] = []
        self.starts = True
        self._numbers = itertools.count()
        (folder / "home").mkdir(parents=True)

    def start(self, command: Sequence[str], given: Sequence[tuple[str, str]], timeout: float) -> Container:
        """`given` are the variables of the job's description. `timeout` in seconds."""
        names = [name for name, _ in given]
        assert len(names) == len(set(names)), f"variables are given twice: {names}"
        log = self.folder / f"container-{next(self._numbers)}.log"
        container = Container(list(command), dict(given), None, log)
        if self.starts:
            container.process = self._process(container)
            threading.Thread(target=self._end_at, args=(container, timeout), daemon=True).start()
        # found by tests from here on, with its process
        self.containers.append(container)
        return container

    def _process(self, container: Container) -> subprocess.Popen:
        with container.log.open("wb") as output:
            return subprocess.Popen(
                container.command,
                cwd=PROJECT,
                env={**self.image, **container.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _end_at(self, container: Container, timeout: float) -> None:
        try:
            container.process.wait(timeout)
        except subprocess.TimeoutExpired:
            container.timed_out = True
            container.stop()
            container.process.wait()
        # a container ends with its first process
        container.kill()

    def close(self) -> None:
        for container in self.containers:
            container.kill()
            if container.process is not None:
                container.process.wait(10)
