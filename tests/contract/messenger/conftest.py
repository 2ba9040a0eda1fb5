import pytest

from messenger.messenger import INVOKER_REQUESTS
from tests.carriers import carrier, emulator, leasing, messenger  # noqa: F401


@pytest.fixture
def tick(carrier):  # noqa: F811
    """Seconds: the carrier's shortest lease."""
    return carrier.tick


@pytest.fixture
def nothing_on(carrier):  # noqa: F811
    def is_nothing_on(messenger, subscription=INVOKER_REQUESTS):  # noqa: F811
        return messenger.pull(subscription, limit=10, wait=carrier.quiet) == []

    return is_nothing_on
