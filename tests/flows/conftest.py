from tests.prefect_server import postgres, prefect, prefect_server  # noqa: F401
from tests.watch.conftest import configured  # noqa: F401
