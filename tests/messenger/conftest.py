from tests.carriers import emulator  # noqa: F401
