"""The fork server: a process that has imported the libraries of a flow run and forks itself for each run.

Python needs 1.5 s to import Prefect and up to 4 s more for dbt; a fork needs none of it. The run then is
`python -m prefect.engine` in every respect but its birth: the client (client.py), which the worker started,
lends it environment, folder and outputs.

- No project code is ever imported here, so a run never sees old code; that is why this is a script that
  imports nothing of ours. When packages are installed or removed, it lets running runs finish and ends; the
  supervisor starts it again, and until then clients start runs the ordinary way.
- A run dies when its client or this server dies.
- One process for each pool, forked from the first one, so that all share the memory of what they have in common.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import struct
import sys
import sysconfig
import threading
import time
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

COMMON = (
    "_strptime",
    "anyio._backends._asyncio",
    "duckdb",
    "encodings.idna",
    "numpy.random",
    "numpy.typing",
    "prefect.artifacts",
    "prefect.deployments",
    "prefect.engine",
    "prefect.events",
    "prefect.flow_engine",
    "prefect.flow_runs",
    "prefect.task_engine",
    "prefect.utilities.visualization",
    "pyarrow.parquet",
    "pydantic.v1",
    "pydantic_settings",
    "pytz",
    "rich._emoji_codes",
    "sqlite3",
)
PRELOADS = {
    "orchestrator": (),
    "sql-runner": (
        "babel.dates",
        "dbt.adapters.duckdb.environments.local",
        "dbt.cli.main",
        "dbt.task.build",
        "dbt_common.clients.agate_helper",
        "google.protobuf.descriptor_pb2",
        "multiprocessing.dummy",
        "prefect_dbt",
    ),
    "python-app": (
        "pandas.io.formats.string",
        "pandera.accessors.pandas_accessor",
        "pandera.backends.pandas.builtin_checks",
        "pandera.backends.pandas.builtin_hypotheses",
        "pandera.backends.pandas.register",
        "pandera.pandas",
        "pyarrow.pandas_compat",
    ),
}
NUMBER = struct.Struct("!i")
REFUSED = 0
REQUEST_SECONDS = 5.0
PROJECT = Path(__file__).resolve().parents[2]
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Request:
    """What a run takes over from its client."""

    environment: dict[str, str]
    folder: str
    umask: int
    outputs: tuple[int, ...]


class Drained(Exception):
    """The server has finished its last run and has to be started anew."""


def import_all(names: tuple[str, ...]) -> None:
    for name in names:
        importlib.import_module(name)


def libraries() -> tuple[int, ...]:
    """Changes whenever a package is installed, upgraded or removed, or this script is edited."""
    places = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), __file__}
    return tuple(Path(place).stat().st_mtime_ns for place in sorted(places))


def die_with_parent(parent: int) -> None:
    """Has the kernel kill this process when its parent ends, whatever it ended of."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        os._exit(1)


class Server:
    """Serves one socket. `serve` returns in the child that is to become a run, and nowhere else."""

    def __init__(self, path: Path, subservers: set[int]) -> None:
        self.subservers = subservers
        self.libraries = libraries()
        self.path = path
        self.runs: dict[int, socket.socket] = {}
        self.asked_to_drain = False
        self.draining = False
        self.selector = selectors.DefaultSelector()
        self.ended, wake = socket.socketpair()
        self.ended.setblocking(False)
        wake.setblocking(False)
        self.wake = wake
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGUSR1, self.ask_to_drain)
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        self.selector.register(self.ended, selectors.EVENT_READ, self.reap)
        self.listener = self.listen()

    def listen(self) -> socket.socket:
        """Binds beside the place and renames, so that the socket is there only when it can be used."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        draft = self.path.with_name(f"{self.path.name}.new")
        draft.unlink(missing_ok=True)
        listener.bind(str(draft))
        draft.chmod(0o600)
        listener.listen(64)
        draft.rename(self.path)
        self.selector.register(listener, selectors.EVENT_READ, self.accept)
        return listener

    def serve(self) -> Request:
        while True:
            for key, _ in self.selector.select():
                now = self.selector.get_map().get(key.fd)
                if now is None or now.data is not key.data:
                    continue  # closed by an event before it in this round
                request: Request | None = key.data(key.fileobj)
                if request is not None:
                    return request
            if self.asked_to_drain:
                self.drain()
            if self.draining and not self.runs and not self.subservers:
                raise Drained

    def accept(self, listener: socket.socket) -> Request | None:
        connection, _ = listener.accept()
        if libraries() != self.libraries:
            connection.sendall(NUMBER.pack(REFUSED))
            connection.close()
            self.drain()
            return None
        connection.settimeout(REQUEST_SECONDS)
        try:
            request = receive(connection)
        except (OSError, ValueError):
            connection.close()
            return None
        server = os.getpid()
        pid = os.fork()
        if pid == 0:
            die_with_parent(server)
            self.let_go()
            return request
        for output in request.outputs:
            os.close(output)
        self.runs[pid] = connection
        self.selector.register(connection, selectors.EVENT_READ, lambda _: self.hear(pid))
        with contextlib.suppress(OSError):
            connection.sendall(NUMBER.pack(pid))
        return None

    def hear(self, pid: int) -> None:
        """A signal for the run; or the client has died, and its run has to follow."""
        try:
            said = self.runs[pid].recv(NUMBER.size)
        except OSError:
            said = b""
        os.kill(pid, NUMBER.unpack(said)[0] if len(said) == NUMBER.size else signal.SIGKILL)
        if len(said) != NUMBER.size:
            self.selector.unregister(self.runs[pid])

    def reap(self, ended: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            ended.recv(1024)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self.subservers:
                self.subservers.discard(pid)
                self.drain()
            elif pid in self.runs:
                self.tell_end(self.runs.pop(pid), status)

    def tell_end(self, connection: socket.socket, status: int) -> None:
        with contextlib.suppress(KeyError):
            self.selector.unregister(connection)
        with contextlib.suppress(OSError):
            connection.sendall(NUMBER.pack(status))
        connection.close()

    def ask_to_drain(self, *_: object) -> None:
        self.asked_to_drain = True

    def drain(self) -> None:
        """Takes no more runs. The other pools' servers were forked from the same libraries: they drain too."""
        if self.draining:
            return
        self.draining = True
        self.selector.unregister(self.listener)
        self.listener.close()
        self.path.unlink(missing_ok=True)
        for pid in self.subservers:
            os.kill(pid, signal.SIGUSR1)

    def let_go(self) -> None:
        """In the child: gives up all that belongs to the server."""
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGUSR1):
            signal.signal(number, signal.SIG_DFL)
        self.selector.close()
        for held in (self.listener, self.ended, self.wake, *self.runs.values()):
            held.close()


def receive(connection: socket.socket) -> Request:
    """Raises ValueError or OSError when the client does not speak as client.py does."""
    outputs = array("i")
    head, ancillary, _, _ = connection.recvmsg(NUMBER.size, socket.CMSG_SPACE(3 * outputs.itemsize))
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            outputs.frombytes(data[: len(data) - len(data) % outputs.itemsize])
    if len(head) != NUMBER.size or len(outputs) != 3:
        raise ValueError("the request does not start with its length and three open files")
    (length,) = NUMBER.unpack(head)
    body = bytearray()
    while len(body) < length:
        piece = connection.recv(length - len(body))
        if not piece:
            raise ValueError("the request ends too early")
        body += piece
    wanted = json.loads(body)
    return Request(wanted["environment"], wanted["folder"], wanted["umask"], tuple(outputs))


def become(request: Request) -> NoReturn:
    """Turns this process into `python -m prefect.engine` as the client would have started it."""
    for number, output in enumerate(request.outputs):
        os.dup2(output, number)
        os.close(output)
    os.chdir(request.folder)
    os.umask(request.umask)
    os.environ.clear()
    os.environ.update(request.environment)
    time.tzset()
    sys.path[0] = request.folder
    if "numpy" in sys.modules:
        # unlike Python's own, numpy's global random numbers would be the same in every child
        sys.modules["numpy"].random.seed()
    import prefect.context

    prefect.context.refresh_global_settings_context()
    # frozen objects are not collected at the end, and libraries report them as leaks
    atexit.register(gc.unfreeze)
    sys.argv = ["-m"]
    sys.modules.pop("prefect.engine")
    runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)
    sys.exit(0)


def assert_clean() -> None:
    """Raises RuntimeError when something was imported that must not be shared between runs."""
    environment = Path(sys.prefix)
    ours = [
        name
        for name, module in sys.modules.items()
        if module is not sys.modules["__main__"]
        and (file := getattr(module, "__file__", None))
        and Path(file).is_relative_to(PROJECT)
        and not Path(file).is_relative_to(environment)
    ]
    if ours:
        raise RuntimeError(f"the fork server has imported project code: {', '.join(ours)}")
    if threading.active_count() != 1:
        raise RuntimeError(f"a library has started threads, which a fork would lose: {threading.enumerate()}")


def main() -> None:
    """Takes POOL=SOCKET for each pool; the first pool is served by the first process."""
    sockets = dict(argument.split("=", 1) for argument in sys.argv[1:])
    first, *others = sockets
    import_all(COMMON)
    gc.collect()
    gc.freeze()
    subservers: set[int] = set()
    pool = first
    parent = os.getpid()
    for other in others:
        pid = os.fork()
        if pid == 0:
            die_with_parent(parent)
            pool, subservers = other, set()
            break
        subservers.add(pid)
    import_all(PRELOADS[pool])
    assert_clean()
    gc.collect()
    gc.freeze()
    try:
        request = Server(Path(sockets[pool]), subservers).serve()
    except Drained:
        return
    become(request)


if __name__ == "__main__":
    main()
