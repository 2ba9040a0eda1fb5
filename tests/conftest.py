"""What holds for every test."""

import signal


def pytest_configure() -> None:
    """Who starts tests in the background of a shell makes them deaf to Ctrl-C; some tests send it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
