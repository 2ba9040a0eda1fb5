"""The open alerts, one variable of Prefect each: they outlive processes, and people see them in the UI.

Only one who notes an alert at the same time as others makes the variable: that one tells. It is written down
afterwards that it was told, so that an alert whose teller died, or whose channel was down, is found and told later.
Closing deletes the variable, and again only one of many has deleted it.
"""

import re
from collections.abc import Sequence

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import VariableCreate, VariableUpdate
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from pydantic import BaseModel, ConfigDict

from watch.alert import Alert

TAG = "alert"
MOST = 200
"""So many open alerts are looked at; Prefect's own bound of one answer."""


class OpenAlert(BaseModel):
    """`told`: a channel took it, or there is none."""

    model_config = ConfigDict(frozen=True)

    alert: Alert
    told: bool


def name_of(alert: Alert) -> str:
    return re.sub(r"[^a-z0-9_-]", "_", f"{TAG}_{alert.cause}_{alert.about}")


def note(client: SyncPrefectClient, alert: Alert) -> bool:
    """Whether it is new, and so this caller's to tell."""
    value = OpenAlert(alert=alert, told=False).model_dump(mode="json")
    try:
        client.create_variable(VariableCreate(name=name_of(alert), value=value, tags=[TAG]))
    except ObjectAlreadyExists:
        return False
    return True


def mark_told(client: SyncPrefectClient, alert: Alert) -> None:
    value = OpenAlert(alert=alert, told=True).model_dump(mode="json")
    client.update_variable(VariableUpdate(name=name_of(alert), value=value))


def close(client: SyncPrefectClient, alert: Alert) -> bool:
    """Whether this caller has closed it."""
    try:
        client.delete_variable_by_name(name_of(alert))
    except ObjectNotFound:
        return False
    return True


def open_alerts(client: SyncPrefectClient) -> Sequence[OpenAlert]:
    """In the order of their names."""
    wanted = {"variables": {"tags": {"all_": [TAG]}}, "limit": MOST}
    found = client.request("POST", "/variables/filter", json=wanted).json()
    return sorted((OpenAlert.model_validate(one["value"]) for one in found), key=lambda one: name_of(one.alert))
