"""One real stack for the faults of this folder. Each test leaves it as it found it: up, and with nothing under way."""

from collections.abc import Iterator

import pytest

from tests.e2e.local_stack import UNSCHEDULED, LocalStack, local_stack
from tests.faults.stack.faults import Faults
from tests.receivers import WebReceiver, web_receiver


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A run here goes on through deaths and waits; on a busy machine that takes minutes."""
    for item in items:
        if "faulty_stack" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def told() -> Iterator[WebReceiver]:
    """What people are told by the stack."""
    with web_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="session")
def faulty_stack(tmp_path_factory: pytest.TempPathFactory, told: WebReceiver) -> Iterator[LocalStack]:
    with local_stack(
        tmp_path_factory.mktemp("faults"),
        ALERTS_URLS=told.address,
        ORCHESTRATOR_ATTEMPT_DELAY="0.2",
        ORCHESTRATOR_START_WITHIN="60",
        **UNSCHEDULED,
    ) as stack:
        yield stack


@pytest.fixture
def faults(faulty_stack: LocalStack, told: WebReceiver) -> Iterator[Faults]:
    found = Faults(faulty_stack, told)
    yield found
    found.mend()
