"""The command that a process worker executes for a run: hands the run to the fork server and becomes its shadow.

Run as `python -I -S client.py SOCKET`, so it starts in 20 ms and imports nothing but a few built-in modules.
The run gets this process's environment, folder, standard input and outputs. A signal sent here reaches the
run, and the run's exit code or signal is this process's own: the worker sees what it would see of a process
of its own. Without a fork server, or while it restarts, this process becomes `python -m prefect.engine`.
"""

import array
import json
import os
import signal
import socket
import struct
import sys

NUMBER = struct.Struct("!i")
"""What goes over the socket besides the request: its length, the run's pid (0: refused), signals for the run, and
at the end its wait status."""
GIVEN_UP = 70
"""Exit code when the fork server died under the run: the run is dead too, and Prefect sees a crash."""


def connect(path: str) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        return None
    return connection


def send_run(connection: socket.socket) -> None:
    request = json.dumps({"environment": dict(os.environ), "folder": os.getcwd(), "umask": _umask()}).encode()  # noqa: PTH109
    outputs = array.array("i", [0, 1, 2])
    connection.sendmsg([NUMBER.pack(len(request))], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, outputs)])
    connection.sendall(request)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def forward_signals(connection: socket.socket) -> None:
    def forward(number: int, _frame: object) -> None:
        connection.send(NUMBER.pack(number))

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, forward)


def end_as(status: int) -> None:
    """Ends with the exit code, or by the signal, of the run."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    sys.exit(os.waitstatus_to_exitcode(status))


def main() -> None:
    connection = connect(sys.argv[1])
    answer = b""
    if connection is not None:
        try:
            send_run(connection)
            answer = connection.recv(NUMBER.size, socket.MSG_WAITALL)
        except OSError:
            answer = b""
    if len(answer) < NUMBER.size or NUMBER.unpack(answer)[0] == 0:
        os.execv(sys.executable, [sys.executable, "-m", "prefect.engine"])  # noqa: S606
    assert connection is not None
    forward_signals(connection)
    answer = connection.recv(NUMBER.size, socket.MSG_WAITALL)
    if len(answer) < NUMBER.size:
        sys.stderr.write("The fork server has ended, and this run with it.\n")
        sys.exit(GIVEN_UP)
    end_as(NUMBER.unpack(answer)[0])


if __name__ == "__main__":
    main()
