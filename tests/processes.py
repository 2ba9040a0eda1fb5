"""Other processes for tests: a script, run by this Python in the project's folder, and never left behind."""

import subprocess
import sys
from contextlib import contextmanager

from settings import PROJECT

HOLD_WAREHOUSE = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""
"""Has the file that it is given until its standard input ends."""


@contextmanager
def process(script, *arguments):
    """The running script; its standard output can be read line by line. Killed at the end if it still runs."""
    started = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


def outputs(scripts):
    """Runs all (script, arguments) at once, and returns what each printed, line by line. All must succeed."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", script, *map(str, arguments)], cwd=PROJECT, stdout=subprocess.PIPE, text=True
        )
        for script, arguments in scripts
    ]
    texts = [one.communicate(timeout=60)[0] for one in running]
    assert [one.returncode for one in running] == [0] * len(running)
    return [text.splitlines() for text in texts]
