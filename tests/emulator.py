"""Google's own Pub/Sub emulator, for as long as the tests run."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

SCRIPT = "platform/pubsub-emulator/bin/cloud-pubsub-emulator"
KNOWN_SDKS = ("/usr/lib/google-cloud-sdk", "/usr/share/google-cloud-sdk", "/opt/google-cloud-sdk", "~/google-cloud-sdk")
STARTS_WITHIN = 30.0
DIE_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


def find_emulator():
    """The script that starts it, or None. It replaces itself by Java, where `gcloud … start` leaves Java behind."""
    folders = [Path(sdk).expanduser() for sdk in KNOWN_SDKS]
    if not any((folder / SCRIPT).exists() for folder in folders) and shutil.which("gcloud"):
        told = subprocess.run(
            ["gcloud", "info", "--format=value(installation.sdk_root)"], capture_output=True, text=True, timeout=60
        )
        folders.append(Path(told.stdout.strip()))
    scripts = [folder / SCRIPT for folder in folders if (folder / SCRIPT).is_file()]
    return scripts[0] if scripts and shutil.which("java") else None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _die_with_the_tests():
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)


@contextmanager
def running_emulator(script, folder):
    """`host:port` of an emulator that ends with the context, or with this process if that is killed."""
    port = free_port()
    log = Path(folder) / "emulator.log"
    with log.open("wb") as output:
        emulator = subprocess.Popen(
            [script, "--host=127.0.0.1", f"--port={port}"],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"JAVA_OPTS": "-Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"},
            preexec_fn=_die_with_the_tests,
        )
    try:
        _wait_until_it_listens(emulator, port, log)
        yield f"127.0.0.1:{port}"
    finally:
        emulator.kill()
        emulator.wait()


def _wait_until_it_listens(emulator, port, log):
    give_up = time.monotonic() + STARTS_WITHIN
    while b"Server started" not in log.read_bytes():
        if emulator.poll() is not None or time.monotonic() > give_up:
            raise RuntimeError(f"the Pub/Sub emulator did not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.05)
    socket.create_connection(("127.0.0.1", port), timeout=5).close()
