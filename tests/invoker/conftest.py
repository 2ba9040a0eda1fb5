from tests.invoker.parts import (  # noqa: F401
    _stops_soon,
    front,
    invoker,
    logging_as_before,
    messenger,
    prefect,
    refusing,
    settings,
    sweeps_soon,
)
