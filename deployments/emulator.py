"""Google's own Pub/Sub emulator, started for tests and measurements and ended with them."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCRIPT = "platform/pubsub-emulator/bin/cloud-pubsub-emulator"
KNOWN_SDKS = ("/usr/lib/google-cloud-sdk", "/usr/share/google-cloud-sdk", "/opt/google-cloud-sdk", "~/google-cloud-sdk")
NOT_INSTALLED = "Google's Pub/Sub emulator is not installed (gcloud components install pubsub-emulator), or no Java"
STARTS_WITHIN = 30.0
DIE_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


def find_emulator() -> Path | None:
    """The script that starts it. It replaces itself by Java, where `gcloud … start` would leave Java behind."""
    folders = [Path(sdk).expanduser() for sdk in KNOWN_SDKS]
    if not any((folder / SCRIPT).exists() for folder in folders) and (gcloud := shutil.which("gcloud")):
        command = [gcloud, "info", "--format=value(installation.sdk_root)"]
        told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
        folders.append(Path(told.stdout.strip()))
    scripts = [folder / SCRIPT for folder in folders if (folder / SCRIPT).is_file()]
    return scripts[0] if scripts and shutil.which("java") else None


@contextmanager
def running_emulator(script: Path, folder: Path, port: int | None = None) -> Iterator[str]:
    """`host:port`, a free port by default, of an emulator that ends with the context, or with this process if that is
    killed. It keeps nothing for the next one.

    Raises RuntimeError with the end of its log, which is in `folder`, when it does not start.
    """
    log = folder / "emulator.log"
    port = port or free_port()
    with log.open("wb") as output:
        emulator = subprocess.Popen(  # noqa: S603
            [script, "--host=127.0.0.1", f"--port={port}"],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"JAVA_OPTS": "-Xmx512m -XX:+UseSerialGC"},
            preexec_fn=die_with_parent,
        )
    try:
        _wait_until_it_serves(emulator, log)
        yield f"127.0.0.1:{port}"
    finally:
        emulator.kill()
        emulator.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def die_with_parent() -> None:
    """Linux only; elsewhere an emulator outlives a parent that is killed."""
    if hasattr(libc := ctypes.CDLL(None), "prctl"):
        libc.prctl(DIE_WITH_PARENT, signal.SIGKILL)


def _wait_until_it_serves(emulator: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + STARTS_WITHIN
    while b"Server started" not in log.read_bytes():
        if emulator.poll() is not None or time.monotonic() > give_up:
            raise RuntimeError(f"the Pub/Sub emulator did not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.05)
