"""The images' packages and code, laid out and started as the Dockerfile says."""

import os
import shutil
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


RIGHTS_OF_ROOT = "-dac_override,-dac_read_search,-fowner"
"""By which root writes into a folder that nobody may write to; the images' user has none of them."""


def as_a_user():
    """What goes before a command so that the modes of folders hold for it."""
    if os.geteuid() != 0:
        return []
    return [shutil.which("setpriv"), f"--bounding-set={RIGHTS_OF_ROOT}", f"--inh-caps={RIGHTS_OF_ROOT}", "--"]


@contextmanager
def read_only(laid):
    """Nothing is made in the folders of code and packages, as in an image; their files are shared with others."""
    folders = [
        (folder, folder.stat().st_mode)
        for root in (laid.code, laid.folder / "venv")
        for folder in (root, *(found for found in root.rglob("*") if found.is_dir() and not found.is_symlink()))
    ]
    for folder, mode in folders:
        folder.chmod(mode & ~0o222)
    try:
        yield
    finally:
        for folder, mode in folders:
            folder.chmod(mode)


@contextmanager
def started(laid, *command, log: Path, **settings):
    """The process, in the environment of its image and nothing of this machine's; it is ended at the end.

    It writes nothing beside its code and packages, as where the image's file system is read-only.
    """
    with read_only(laid), log.open("wb") as output:
        process = subprocess.Popen(
            [*as_a_user(), *(command or [*laid.target.entrypoint, *laid.target.command])],
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
