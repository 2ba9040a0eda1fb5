"""What a container starts. That it runs a flow, and ends one that is cancelled, is proven in tests/cloud."""

import os
import subprocess
import sys

from settings import PROJECT


def test_without_a_flow_run_it_says_what_is_missing():
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}

    done = subprocess.run(
        [sys.executable, "-m", "tasks.execute"], cwd=PROJECT, env=environment, capture_output=True, text=True
    )

    assert done.returncode == 1
    assert "PREFECT__FLOW_RUN_ID says which flow run" in done.stderr
