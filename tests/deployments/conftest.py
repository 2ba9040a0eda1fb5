"""One real stack for the tests of this folder, in a folder of its own."""

from collections.abc import Iterator

import pytest

from deployments.local.private import private_environment
from tests.deployments.small_stack import SmallStack, make_project


@pytest.fixture(scope="session")
def small_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallStack]:
    """Each test leaves it up."""
    folder = tmp_path_factory.mktemp("small")
    environment = {
        name: value
        for name, value in private_environment(folder, folder / "no-orders").items()
        if not name.startswith("PREFECT_")
    }
    stack = SmallStack(make_project(folder), environment | {"PREFECT_API_URL": "http://127.0.0.1:9/of-the-user"})
    code, output = stack.call("up")
    try:
        assert code == 0, output
        yield stack
    finally:
        stack.call("down")
    assert stack.processes() == []
    assert not stack.layout.record.exists()
