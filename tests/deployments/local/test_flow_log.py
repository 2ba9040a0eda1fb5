import shlex
import signal
import subprocess
import sys

from deployments.local.flow_log import LARGEST, rotate, writing_to


def test_output_and_end_are_those_of_the_command(tmp_path):
    log = tmp_path / "a folder" / "flow-runs.log"
    log.parent.mkdir()
    program = "import os; os.write(1, b'said\\n'); os.write(2, b'warned\\n'); os.kill(os.getpid(), 9)"

    for _ in range(2):
        command = shlex.split(writing_to(log, [sys.executable, "-c", program]))
        ended = subprocess.run(command, capture_output=True, check=False)

    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGKILL, b"", b"")
    assert log.read_text().split() == ["said", "warned"] * 2


def test_a_large_log_is_put_aside_and_a_small_one_is_not(tmp_path):
    log, older = tmp_path / "flow-runs.log", tmp_path / "flow-runs.log.1"
    rotate(log)
    log.write_bytes(b"x" * LARGEST)
    rotate(log)
    assert not older.exists()

    with log.open("ab", buffering=0) as written:
        written.write(b"y")
        rotate(log)
        written.write(b"z")

    assert older.read_bytes().endswith(b"yz")
    assert not log.exists()
