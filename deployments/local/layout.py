"""Where the stack keeps its files, and the Unix sockets, whose paths must be short."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

LONGEST_SOCKET_FOLDER = 80
"""A Unix socket's path may have 107 characters; the names of our sockets need up to 27 of them."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The files below the stack's folder (setting STACK_PATH)."""

    root: Path

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def flow_log(self) -> Path:
        return self.logs / "flow-runs.log"

    @property
    def record(self) -> Path:
        return self.root / "stack.json"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def users(self) -> Path:
        return self.root / "users"

    @property
    def prefect_home(self) -> Path:
        return self.root / "prefect"

    @property
    def supervisor_config(self) -> Path:
        return self.root / "supervisord.conf"

    @property
    def sockets(self) -> Path:
        """A folder of ours alone. Below the stack's folder, or in the temporary folder when that path is long."""
        inside = self.root / "sockets"
        if len(os.fsencode(inside)) <= LONGEST_SOCKET_FOLDER:
            return inside
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"rfm-{os.getuid()}-{name}"

    @property
    def supervisor_socket(self) -> Path:
        return self.sockets / "supervisor"

    def fork_server_socket(self, pool: str) -> Path:
        return self.sockets / f"fork-{pool}"

    def make(self) -> None:
        """Makes the folders. Raises PermissionError when the folder for the sockets belongs to someone else."""
        for folder in (self.root, self.logs, self.prefect_home):
            folder.mkdir(parents=True, exist_ok=True)
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        owned = self.sockets.lstat()
        if owned.st_uid != os.getuid() or self.sockets.is_symlink():
            raise PermissionError(
                f"{self.sockets} belongs to another user; remove it, or set STACK_PATH to a short path"
            )
        self.sockets.chmod(0o700)
