"""Which code is running: what a run writes down about itself, so that its result can be explained later."""

import subprocess

from settings import PROJECT, get_settings

ANSWERS_WITHIN = 5.0


def code_version() -> str:
    """CODE_VERSION as an image carries it, else the commit of this folder; with `-dirty` when files differ from it.

    Empty where there is neither: that fails no run.
    """
    return get_settings().code.version or _commit()


def _commit() -> str:
    command = ["git", "-C", str(PROJECT), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        said = subprocess.run(  # noqa: S603  nothing in it comes from outside
            command, capture_output=True, text=True, timeout=ANSWERS_WITHIN, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stdout.strip() if said.returncode == 0 else ""
