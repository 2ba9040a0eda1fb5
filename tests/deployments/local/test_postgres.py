"""Run by root, Postgres runs as nobody, and reaches a project below a folder that is closed to nobody."""

import os
import subprocess
import sys

import pytest

from deployments.local.postgres import as_unprivileged

ASKS = "import os, sys; print(os.getuid(), os.access(sys.argv[1], os.X_OK))"


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives up rights")
def test_root_becomes_nobody_and_still_finds_programs_below_a_closed_folder(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    program = closed / "initdb"
    program.touch(mode=0o755)

    asked = subprocess.run(
        as_unprivileged([sys.executable, "-c", ASKS, str(program)]), capture_output=True, text=True, check=True
    )

    assert asked.stdout.split() == ["65534", "True"]


@pytest.mark.skipif(os.getuid() == 0, reason="root gives up rights")
def test_everybody_else_runs_it_as_it_is():
    assert as_unprivileged(["initdb"]) == ["initdb"]
