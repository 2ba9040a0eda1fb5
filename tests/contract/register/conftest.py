from tests.postgres import postgres  # noqa: F401
from tests.registers import register, store  # noqa: F401
