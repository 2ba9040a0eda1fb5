"""Health: look at every part, show what was found, and tell people what has changed."""

from collections.abc import Sequence

from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client

from errors import Permanent
from settings import get_settings
from watch.finding import Finding, examine
from watch.health import checks
from watch.tell import tell, tell_over


class Unhealthy(Permanent):
    """Some part does not work; each is named with what it said."""


@task(name="look at every part", cache_policy=NO_CACHE)
def look_at_every_part() -> Sequence[Finding]:
    with get_client(sync_client=True) as client:
        return [examine(check) for check in checks(client, get_settings())]


@task(name="show health", cache_policy=NO_CACHE)
def show_health(findings: Sequence[Finding]) -> None:
    failed = [finding.check.name for finding in findings if finding.state == "failed"]
    create_table_artifact(
        key="health",
        description=f"Not well: {', '.join(failed)}. What to do: docs/operations.md" if failed else "All is well.",
        table=[{"part": one.check.name, "state": one.state, "what was seen": one.said} for one in findings],
    )


@task(name="tell changes", cache_policy=NO_CACHE)
def tell_changes(findings: Sequence[Finding]) -> None:
    """What was found before is not told again; what is not found any more has recovered."""
    for finding in findings:
        for alert in finding.alerts:
            tell(alert)
    tell_over(lambda alert: any(finding.settles(alert) for finding in findings))


def require_health(findings: Sequence[Finding]) -> None:
    """Raises Unhealthy, so that the flow run is as red as the system is."""
    failed = [f"{finding.check.name}: {finding.said}" for finding in findings if finding.state == "failed"]
    if failed:
        raise Unhealthy("; ".join(failed))
