"""One real stack for all end-to-end tests: Prefect server, workers, invoker, in a folder of their own."""

from collections.abc import Iterator

import pytest

from tests.e2e.local_stack import LocalStack, local_stack
from tests.stores import stand_in as stand_in


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with local_stack(tmp_path_factory.mktemp("e2e"), ORCHESTRATOR_CRON="* * * * *") as stack:
        yield stack
