"""Jobs of Cloud Run whose flow run has ended: Prefect's worker deletes them, unless it died meanwhile."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from watch.leftovers import Leftover

FLOW_RUN = "prefect-io-flow-run-id"
"""The label prefect.io/flow-run-id, in the letters that Google allows."""


def orphaned_jobs(jobs: Any, parent: str, ended: Callable[[str], bool], before: datetime) -> Iterator[Leftover]:
    """Jobs of `parent` (projects/P/locations/R) made before `before` by a worker of Prefect.

    `jobs` is projects().locations().jobs() of Google's client for Cloud Run v2; `ended` tells of a flow run's id
    whether it has ended, or is not known any more. A job that Prefect did not make is never touched.
    """
    wanted = jobs.list(parent=parent)
    while wanted is not None:
        answer = wanted.execute()
        for job in answer.get("jobs", []):
            made = datetime.fromisoformat(job["createTime"])
            flow_run = job.get("labels", {}).get(FLOW_RUN)
            if flow_run and made < before and ended(flow_run):
                yield Leftover(job["name"].rpartition("/")[2], made, jobs.delete(name=job["name"]).execute)
        wanted = jobs.list_next(wanted, answer)
