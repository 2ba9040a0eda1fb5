"""The images' packages and code, laid out and started as the Dockerfile says."""

import os
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

from deployments.images.dockerfile import read_targets
from deployments.images.environment import lay_out
from settings import PROJECT


def laid_out(name, folder):
    """The bytecode of the same packages here is lent to it, so that nothing is compiled twice."""
    laid = lay_out(read_targets()[name], folder)
    here = next((PROJECT / ".venv" / "lib").glob("python3*")) / "site-packages"
    for cache in here.glob("**/__pycache__"):
        there = laid.packages / cache.relative_to(here)
        if there.parent.is_dir() and not there.exists():
            there.mkdir()
            for file in cache.iterdir():
                os.link(file, there / file.name)
    return laid


@contextmanager
def started(laid, *command, log: Path, **settings):
    """The process, in the environment of its image and nothing of this machine's; it is ended at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command or [*laid.target.entrypoint, *laid.target.command],
            cwd=laid.code,
            env=laid.environment(**settings),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
