from tests.carriers import emulator  # noqa: F401
from tests.messenger.emulated import messenger, opened  # noqa: F401
