"""What Prefect runs for the step; its place is flows/."""

from prefect import flow, runtime

from examples.reminders.work import remind as choose_and_commit
from messenger.contract import RunRequest
from settings import get_settings
from tasks.report import reporting
from wiring import open_warehouse


@flow(name="remind", flow_run_name="{request.run_id} remind")
def remind(request: RunRequest) -> None:
    """Chooses whom to write to personally, and commits the list with its ledger row."""
    with reporting(request) as report:
        file = get_settings().warehouse.path
        report.facts = choose_and_commit(open_warehouse(), file, request, flow_run_id=runtime.flow_run.id or "")
