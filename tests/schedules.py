"""A schedule of Mondays at 08:00 in Sydney, on a real Prefect server."""

from contextlib import suppress
from datetime import UTC, datetime

from prefect.exceptions import ObjectNotFound

from messenger.contract import ORCHESTRATE
from pipelines import PIPELINES
from settings import Settings
from watch.due import due_dates, variable_of

RFM = PIPELINES["rfm"]
MONDAY_8 = "0 8 * * 1"


def register_mondays(client, **more):
    """The deployment's id."""
    return client.create_deployment(
        flow_id=client.create_flow_from_name(ORCHESTRATE),
        name="rfm",
        schedules=[{"schedule": {"cron": MONDAY_8, "timezone": "Australia/Sydney"}, "active": True}],
        **more,
    )


def forget(client):
    """Since when the schedules are as they are."""
    with suppress(ObjectNotFound):
        client.delete_variable_by_name(variable_of(RFM))


def known_since(client, since):
    """As if these schedules had been seen first then."""
    due_dates(client, Settings(), RFM, after=since, until=datetime.now(UTC))
    known = client.read_variable_by_name(variable_of(RFM)).value
    value = {**known, "since": since.isoformat()}
    client.request("PATCH", f"/variables/name/{variable_of(RFM)}", json={"value": value}).raise_for_status()
