from tests.carriers import carrier, emulator, messenger  # noqa: F401
