"""The host's script that fetches secrets, with curl and its answers stood in for by a script."""

import os
import subprocess

import pytest
import yaml

from deployments.infrastructure.configuration import FOLDER
from tests.deployments.infrastructure.template import rendered

CURL = """#!/bin/bash
case "$*" in
  *attributes/image-tag*) echo abc ;;
  */token*) echo '{"access_token": "token", "expires_in": 3599}' ;;
  *secrets/register-url/*) printf '{\\n  "data": "cG9zdGdyZXNxbDovL2E="\\n}\\n%s' "${ANSWER:-200}" ;;
  *) printf '{}\\n404' ;;
esac
"""


@pytest.fixture
def host(tmp_path):
    """Runs the script in a folder of its own."""
    cloud_config = rendered(FOLDER / "host.yaml.tftpl", pools=["orchestrator"], server=True)
    files = {file["path"]: file["content"] for file in yaml.safe_load(cloud_config)["write_files"]}
    (tmp_path / "curl").write_text(CURL)
    (tmp_path / "curl").chmod(0o755)
    for name in ("settings.env", "worker.secrets"):
        (tmp_path / name).write_text(files[f"/etc/rfm/{name}"])
    (tmp_path / "worker.secrets").open("a").write("ALERTS_URLS alerts-urls\n")
    script = files["/etc/rfm/secrets.sh"].replace("/etc/rfm", str(tmp_path)).replace("/run/rfm", str(tmp_path / "run"))

    def run(**environment):
        path = f"{tmp_path}:{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-c", script, "secrets.sh", "worker"],
            env={"PATH": path, **environment},
            capture_output=True,
            text=True,
        )

    return run, tmp_path / "run"


def test_settings_and_secrets_are_written_for_the_container_and_for_nobody_else(host):
    run, folder = host

    done = run()

    assert done.returncode == 0, done.stderr
    assert (folder / "worker.env").read_text() == "MESSENGER_KIND=pubsub\nRUNS_URL=postgresql://a\n"
    assert (folder / "worker.env").stat().st_mode & 0o077 == 0
    assert (folder / "images.env").read_text() == "TAG=abc\n"
    assert "secret alerts-urls has no version; ALERTS_URLS is left out" in done.stderr


def test_a_secret_that_cannot_be_read_stops_the_start_and_says_which(host):
    run, folder = host

    done = run(ANSWER="403")

    assert done.returncode == 1
    assert "secret register-url cannot be read: 403" in done.stderr
    assert not (folder / "worker.env").exists()
