"""Housekeeping: nothing grows without end, and what a killed process has left behind is cleared up."""

from prefect import flow

from tasks.housekeeping import clear_up, require_swept, show_housekeeping


@flow(name="housekeeping", flow_run_name="housekeeping, dry run: {dry_run}")
def housekeeping(dry_run: bool = False) -> None:
    """Removes what is older than the settings HOUSEKEEPING_… say, and shows it as the artifact `housekeeping`.

    A dry run removes nothing and shows what would go.
    """
    swept = clear_up(dry_run=dry_run)
    show_housekeeping(swept, dry_run=dry_run)
    require_swept(swept)
