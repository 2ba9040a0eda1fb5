"""A person's machine on which scripts run, with gcloud and the like stood in for by scripts that write down calls."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from settings import PROJECT

SCRIPTS = ("deployments/cloud/reach-prefect.sh", "deployments/images/roll-out.sh")
SAY = 'echo "$(basename "$0") $*" >>"$CALLS"\n'
TOOLS = {
    "gcloud": 'case "$*" in *--secret*) echo "value of ${@: -1}" ;; *start-iap-tunnel*) /bin/sleep 60 ;; esac',
    # asked through the tunnel only: what is begun in the background has written its line by then
    "curl": 'until grep -q start-iap-tunnel "$CALLS"; do /bin/sleep 0.02; done; exit "${HEALTH:-0}"',
    "make": 'echo "$DEPLOY_SQL_RUNNER_IMAGE $DEPLOY_RFM_IMAGE" >>"$CALLS"',
    "sleep": "",
    "sudo": "",
}
SERVER = "http://10.20.0.2:4200/api"
PREFECT_CLOUD = "https://api.prefect.cloud/api/accounts/a/workspaces/w"


@dataclass(frozen=True, slots=True)
class Operator:
    folder: Path

    def run(self, script: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Returns when the script and all that it has started have ended."""
        return subprocess.run(
            ["bash", self.folder / script, *words],
            env={"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "CALLS": str(self._calls), **environment},
            capture_output=True,
            text=True,
            timeout=30,
        )

    @property
    def calls(self) -> list[str]:
        """In their order; Prefect was asked for its health, and waited for, more often than that."""
        lines = self._calls.read_text().splitlines()
        return [line for line in lines if not line.startswith(("curl", "sleep"))]

    @property
    def _calls(self) -> Path:
        return self.folder / "calls"


def an_operator(folder: Path, prefect: str = SERVER) -> Operator:
    """With the environment `test`, whose Prefect has this address."""
    for script in SCRIPTS:
        (folder / script).parent.mkdir(parents=True)
        shutil.copy(PROJECT / script, folder / script)
    (folder / "deployments" / "environments").mkdir()
    (folder / "deployments" / "environments" / "test.env").write_text(f"PREFECT_API_URL={prefect}\n")
    (folder / "bin").mkdir()
    for name, does in TOOLS.items():
        (folder / "bin" / name).write_text(f"#!/bin/bash\n{SAY}{does}\n")
        (folder / "bin" / name).chmod(0o755)
    return Operator(folder)
