"""A real Postgres for tests: the embedded one, on a Unix socket in a folder of its own, that a test can kill."""

import os
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import psutil
import psycopg
import pytest

from deployments.local.postgres import USER, as_unprivileged, make_data_folder, programs

STARTS_WITHIN = 30.0


class PostgresServer:
    def __init__(self, folder):
        self._folder = folder
        self._data, self._log = folder / "data", folder / "log"
        make_data_folder(self._data)
        self._process = None

    def url(self, database="postgres"):
        return f"postgresql://{USER}@/{database}?host={self._folder}"

    def start(self):
        options = ["listen_addresses=", "unix_socket_permissions=0700", "fsync=off", "max_connections=100"]
        command = [str(programs() / "postgres"), "-D", str(self._data), "-k", str(self._folder)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                as_unprivileged(command + [word for option in options for word in ("-c", option)]),
                stdout=log,
                stderr=log,
            )
        give_up = time.monotonic() + STARTS_WITHIN
        while not self._answers():
            assert self._process.poll() is None, self._log.read_text()[-2000:]
            assert time.monotonic() < give_up, self._log.read_text()[-2000:]
            time.sleep(0.02)
        return self

    def _answers(self):
        try:
            psycopg.connect(self.url()).close()
        except psycopg.OperationalError:
            return False
        return True

    def kill(self):
        """It and its children at once; what was committed is there after the next start (no power failed)."""
        for one in [*psutil.Process(self._process.pid).children(recursive=True), self._process]:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        self._process.wait()
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        for lock in self._folder.glob(".s.PGSQL.*"):
            lock.unlink()

    def new_database(self):
        """The URL of an empty one."""
        name = f"t{uuid4().hex[:8]}"
        self.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
        return self.url(name)

    def execute(self, statement, database="postgres"):
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            return connection.execute(statement)


@pytest.fixture(scope="session")
def postgres():
    """Short, since a socket's path has at most 107 characters; and outside of what only root may enter."""
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        os.chmod(folder, 0o777)  # noqa: PTH101
        server = PostgresServer(Path(folder)).start()
        yield server
        server.kill()
