"""The invoker of tests/invoker, on every carrier of messages."""

import pytest

from tests.carriers import carrier, emulator, messenger, shared_carrier  # noqa: F401
from tests.invoker.parts import _stops_soon, invoker, logging_as_before, prefect, settings_for  # noqa: F401
from tests.postgres import postgres  # noqa: F401


@pytest.fixture
def settings(tmp_path, prefect, carrier):  # noqa: F811
    return settings_for(tmp_path, prefect, carrier.settings)
