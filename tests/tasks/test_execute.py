"""What a container starts. That it runs a flow, and ends one that is cancelled, is proven in tests/cloud."""

import os
import signal
import socket
import subprocess
import sys
import uuid

import psutil

from settings import PROJECT

AS_FIRST_PROCESS = ("unshare", "--pid", "--fork", "--kill-child")
"""The kernel keeps from the first process of a container each signal that it does not listen to."""


def test_without_a_flow_run_it_says_what_is_missing():
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}

    done = subprocess.run(
        [sys.executable, "-m", "tasks.execute"], cwd=PROJECT, env=environment, capture_output=True, text=True
    )

    assert done.returncode == 1
    assert "PREFECT__FLOW_RUN_ID says which flow run" in done.stderr


def as_a_container():
    """What goes before a command; nothing where this user may not make a namespace of processes."""
    allowed = subprocess.run([*AS_FIRST_PROCESS, "true"], capture_output=True).returncode == 0
    return AS_FIRST_PROCESS if allowed else ()


def test_a_container_that_the_platform_ends_before_its_flow_has_begun_ends_at_once():
    with socket.create_server(("127.0.0.1", 0)) as mute_prefect:
        mute_prefect.settimeout(60)
        environment = {
            "PREFECT_API_URL": f"http://127.0.0.1:{mute_prefect.getsockname()[1]}/api",
            "PREFECT__FLOW_RUN_ID": str(uuid.uuid4()),
        }
        alone = as_a_container()
        command = [*alone, sys.executable, "-m", "tasks.execute"]
        container = subprocess.Popen(command, cwd=PROJECT, env=os.environ | environment)
        try:
            mute_prefect.accept()
            [first] = psutil.Process(container.pid).children() if alone else [container]

            first.send_signal(signal.SIGTERM)

            assert container.wait(30) == 128 + signal.SIGTERM
        finally:
            container.kill()
            container.wait()
