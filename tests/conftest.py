"""What holds for every test: which run beside which (`make test` uses both cores), and what they are sent."""

import signal

import pytest

SHARED = ("small_stack", "stack", "faulty_stack")
"""Fixtures that start a whole stack; one of each is enough."""


def pytest_configure() -> None:
    """Who starts tests in the background of a shell makes them deaf to Ctrl-C; some tests send it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file's tests stay with one worker, and so do all files that share a stack (--dist loadgroup)."""
    group_of = {item.path: item.path.as_posix() for item in items}
    for item in items:
        for name in SHARED:
            if name in getattr(item, "fixturenames", ()):
                group_of[item.path] = name
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group_of[item.path]))
