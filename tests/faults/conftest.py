from tests.carriers import carrier, emulator, leasing, messenger  # noqa: F401
