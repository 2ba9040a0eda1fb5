"""The health check: use every part as a run would, before a run has to."""

from prefect import flow

from tasks.health import look_at_every_part, require_health, show_health, tell_changes


@flow(name="healthcheck", flow_run_name="health check")
def healthcheck() -> None:
    """Looks at every part, shows what it found as the artifact `health`, tells people what has changed, and fails
    when a part does not work.
    """
    findings = look_at_every_part()
    show_health(findings)
    tell_changes(findings)
    require_health(findings)
