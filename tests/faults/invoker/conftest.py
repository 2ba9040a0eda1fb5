from tests.invoker.parts import front, invoker, logging_as_before, messenger, prefect, refusing, settings  # noqa: F401
