"""Housekeeping: find what is left lying about, remove it, and show what was or would be removed."""

from collections.abc import Sequence
from datetime import UTC, datetime

from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client

from errors import Permanent
from settings import get_settings
from tasks.listen import run_of
from watch.housekeeping import sweeps
from watch.leftovers import Swept, sweep


class NotSwept(Permanent):
    """Something that nobody needs any more could not be removed."""


@task(name="clear up", task_run_name="clear up, dry run: {dry_run}", cache_policy=NO_CACHE)
def clear_up(*, dry_run: bool) -> Sequence[Swept]:
    """Each kind of leftovers on its own; what could not be removed is said in its line."""
    with get_client(sync_client=True) as client:
        return [sweep(one, dry_run=dry_run) for one in sweeps(client, get_settings(), run_of, datetime.now(UTC))]


@task(name="show housekeeping", cache_policy=NO_CACHE)
def show_housekeeping(swept: Sequence[Swept], *, dry_run: bool) -> None:
    create_table_artifact(
        key="housekeeping",
        description="A dry run: what would be removed." if dry_run else "What was removed.",
        table=[
            {
                "what": one.kind,
                "found": one.found,
                "removed": one.removed,
                "oldest": f"{one.oldest.name}, {one.oldest.since:%Y-%m-%d %H:%M}" if one.oldest else "",
                "trouble": one.trouble or "",
            }
            for one in swept
        ],
    )


def require_swept(swept: Sequence[Swept]) -> None:
    """Raises NotSwept."""
    if trouble := [f"{one.kind}: {one.trouble}" for one in swept if one.trouble]:
        raise NotSwept("; ".join(trouble))
