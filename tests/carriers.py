"""What the suites for every messenger run on: a carrier of messages, opened as often as a test likes."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from deployments.emulator import NOT_INSTALLED, find_emulator, running_emulator
from messenger import consume, pubsub
from messenger.embedded import EmbeddedMessenger
from messenger.pubsub import PubSubMessenger
from settings import Messenger, get_settings


class Carrier:
    """In seconds, `tick`: the shortest lease, and `quiet`: the time in which a message that is due has come.

    `lease`, in seconds too, is a consumer's of which `nothing_left` can tell that it acknowledged what it took.
    `hurry`: by how much delays are shortened. `filters`: whether a waiter gets only the messages of its run.
    `largest` in bytes: a body it carries. `settings`: by which a program chooses it.
    """

    def __init__(self):
        self._opened = []

    def open(self, **options):
        """Another process's view: the same messages through connections of its own."""
        self._opened.append(self._open(**options))
        return self._opened[-1]

    def in_script(self, **options):
        """Source text that opens it as `messenger` in a process of its own."""
        arguments = "".join(f", {name}={value!r}" for name, value in options.items())
        return f"{self._imports}\nmessenger = {self._opening}{arguments})\n"

    def choose(self, patch):
        """Programs that are started by their settings find it."""
        for name in ("kind", "path", "project", "prefix"):
            patch.setenv(f"MESSENGER_{name.upper()}", str(getattr(self.settings, name)))
        get_settings.cache_clear()

    def close(self):
        for messenger in self._opened:
            messenger.close()


class EmbeddedCarrier(Carrier):
    filters = True
    tick, quiet, hurry, lease = 0.1, 0.1, 0.01, 30.0
    largest = 10_000_000

    def __init__(self, folder):
        super().__init__()
        self.path = folder / "messenger.db"
        self.settings = Messenger(path=self.path)
        self._imports = "from pathlib import Path\nfrom messenger.embedded import EmbeddedMessenger"
        self._opening = f"EmbeddedMessenger(Path({str(self.path)!r})"

    def _open(self, **options):
        return EmbeddedMessenger(self.path, **options)

    def nothing_left(self, messenger, subscription):
        """Leased or not: it stands in the file until it is acknowledged."""
        rows = messenger._file.read("SELECT count(*) FROM deliveries WHERE subscription = ?", subscription)
        return rows == [(0,)]


class PubSubCarrier(Carrier):
    """Each test has topics and subscriptions of its own. Leases and delays are whole seconds here."""

    filters = False
    """The emulator ignores filters; the service honours them."""
    tick, quiet, hurry, lease = 1.0, 0.4, 0.0, 1.0
    largest = 3_000_000
    """Google's client takes at most 4 MB at once from the emulator; from the service it takes all."""

    def __init__(self):
        super().__init__()
        self.prefix = f"t{uuid4().hex[:8]}-"
        self.settings = Messenger(kind="pubsub", project="test-project", prefix=self.prefix)
        self._imports = "from messenger.pubsub import PubSubMessenger"
        self._opening = f"PubSubMessenger('test-project', prefix={self.prefix!r}"

    def _open(self, **options):
        return PubSubMessenger("test-project", prefix=self.prefix, **options)

    def nothing_left(self, messenger, subscription):
        """Looks for longer than the lease, and as the consumer, whose open calls the emulator would go on serving."""
        return messenger.pull(subscription, limit=1, wait=1.5 * self.lease) == []


def installed_emulator():
    """What starts Google's emulator. In CI it has to be there."""
    script = find_emulator()
    if script is None:
        if os.environ.get("CI") == "true":
            pytest.fail(NOT_INSTALLED)
        pytest.skip(NOT_INSTALLED)
    return script


@pytest.fixture(scope="session")
def emulator():
    """The address of Google's emulator, started here."""
    with tempfile.TemporaryDirectory() as folder, running_emulator(installed_emulator(), Path(folder)) as address:
        yield address


@contextmanager
def _carrier(request, folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(consume, "LONGEST_PULL", 0.1)
        if request.param == "embedded":
            carrier = EmbeddedCarrier(folder)
        else:
            patch.setenv("PUBSUB_EMULATOR_HOST", request.getfixturevalue("emulator"))
            patch.setattr(pubsub, "LISTING_WAIT", 0.3)
            carrier = PubSubCarrier()
        yield carrier
        carrier.close()


@pytest.fixture(params=["embedded", "pubsub"])
def carrier(request, tmp_path):
    with _carrier(request, tmp_path) as carrier:
        yield carrier


@pytest.fixture(scope="module", params=["embedded", "pubsub"])
def shared_carrier(request, tmp_path_factory):
    """One for all tests of a file."""
    with _carrier(request, tmp_path_factory.mktemp("carrier")) as carrier:
        yield carrier


@pytest.fixture
def messenger(carrier):
    messenger = carrier.open()
    messenger.setup()
    return messenger


@pytest.fixture
def leasing(carrier, messenger):
    """The consumer's: with leases so short that it shows when something was not acknowledged."""
    return carrier.open(lease=carrier.lease)
