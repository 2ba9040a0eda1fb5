"""Tag: pipeline and date on the flow run, by which people find it, whoever started it."""

import logging
from uuid import UUID

import httpx
from prefect import runtime
from prefect.exceptions import PrefectException

from messenger.contract import RunRequest
from tasks.look import brief_client


def tag_flow_run(run: RunRequest) -> None:
    """The invoker's flow runs have these tags from the start. They are for the eye: no run fails for want of them."""
    known = set(runtime.flow_run.tags)
    wanted = known | {run.pipeline, run.run_date.isoformat()}
    if wanted == known:
        return
    try:
        with brief_client() as client:
            client.update_flow_run(UUID(runtime.flow_run.id), tags=sorted(wanted))
    except (httpx.HTTPError, PrefectException) as error:
        logging.getLogger(__name__).info("the flow run is not tagged: %s", type(error).__name__)
