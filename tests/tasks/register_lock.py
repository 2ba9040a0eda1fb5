"""Another process that writes to the register file."""

import sqlite3
from types import SimpleNamespace

import pytest

from register.sqlite import SqliteRegister
from tasks import patience


class RegisterLock:
    """Another process writes to the register, until so many have waited for it in vain."""

    def __init__(self, path):
        self._file = sqlite3.connect(path, isolation_level=None)
        self._left = 0
        self.waits = 0

    def hold(self, tries=1_000_000):
        self._left = tries
        self._file.execute("BEGIN IMMEDIATE")

    def release(self):
        if self._file.in_transaction:
            self._file.execute("ROLLBACK")

    def waited(self, _seconds):
        self.waits += 1
        if self.waits >= self._left:
            self.release()


@pytest.fixture
def register_lock(turn, settings, monkeypatch):
    lock = RegisterLock(settings.runs.path)
    monkeypatch.setitem(SqliteRegister.__init__.__kwdefaults__, "lock_wait", 0.05)
    monkeypatch.setattr(patience, "time", SimpleNamespace(sleep=lock.waited))
    yield lock
    lock.release()
    lock._file.close()
