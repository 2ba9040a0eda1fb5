"""Carrier: the flow run that carries a run out is named as who asked for it, so that it can be looked for."""

from uuid import UUID

from prefect import runtime

ASKED_BY = "prefect flow run "
"""Stands before the id of the flow run."""


def this_flow_run() -> str:
    return f"{ASKED_BY}{runtime.flow_run.id}"


def flow_run_in(requested_by: str) -> UUID | None:
    """The flow run that asked; None when somebody else did."""
    try:
        return UUID(requested_by.removeprefix(ASKED_BY))
    except ValueError:
        return None
