"""What `make endurance` chooses: how many runs, and the seed of the kills."""

import random

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--runs", type=int, default=60, help="so many runs over a third as many dates")
    parser.addoption("--seed", type=int, default=None, help="of the kills; a random one is printed")


@pytest.fixture
def runs(request: pytest.FixtureRequest) -> int:
    found: int = request.config.getoption("--runs", 60)
    return found


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    chosen: int | None = request.config.getoption("--seed", None)
    return random.randrange(10**6) if chosen is None else chosen
