"""What the suite for every register runs on: a store of runs, opened as often as a test likes."""

import pytest

from register.postgres import PostgresRegister
from register.sqlite import SqliteRegister


class Store:
    def __init__(self):
        self._opened = []

    def open(self):
        """Another process's view of the same runs."""
        self._opened.append(self._open())
        return self._opened[-1]

    def close(self):
        for register in self._opened:
            register.close()


class SqliteStore(Store):
    def __init__(self, folder):
        super().__init__()
        self._path = folder / "register.db"
        self.script = (
            "from pathlib import Path\nfrom register.sqlite import SqliteRegister\n"
            f"register = SqliteRegister(Path({str(self._path)!r}))\n"
        )

    def _open(self):
        return SqliteRegister(self._path)


class PostgresStore(Store):
    def __init__(self, url):
        super().__init__()
        self._url = url
        self.script = f"from register.postgres import PostgresRegister\nregister = PostgresRegister({url!r})\n"

    def _open(self):
        return PostgresRegister(self._url)


@pytest.fixture(params=["sqlite", "postgres"])
def store(request, tmp_path):
    if request.param == "sqlite":
        store = SqliteStore(tmp_path)
    else:
        store = PostgresStore(request.getfixturevalue("postgres").new_database())
    yield store
    store.close()


@pytest.fixture
def register(store):
    return store.open()
