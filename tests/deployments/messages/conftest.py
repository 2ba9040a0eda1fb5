from tests.carriers import carrier, emulator  # noqa: F401
