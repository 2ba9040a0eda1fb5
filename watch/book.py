"""The open alerts, one variable of Prefect each: they outlive processes, and people see them in the UI.

Only one who notes an alert at the same time as others makes the variable: that one tells. Which channels took it is
written down afterwards, so that an alert whose teller died, or a channel that was down, is found and told later.
Closing deletes the variable, and again only one of many has deleted it.
"""

import re
from collections.abc import Collection, Sequence
from itertools import count

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import VariableCreate, VariableUpdate
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from pydantic import BaseModel, ConfigDict

from watch.alert import Alert

TAG = "alert"
PAGE = 200
"""Prefect's own bound of one answer."""


class OpenAlert(BaseModel):
    """`told`: every channel took it, or there is none. `taken_by` are the marks of those that took it until then."""

    model_config = ConfigDict(frozen=True)

    alert: Alert
    told: bool
    taken_by: frozenset[str] = frozenset()

    def known_to(self, channel: str) -> bool:
        """Whether people on this channel, by its mark, have heard of it."""
        return self.told or channel in self.taken_by


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


def mark_told(client: SyncPrefectClient, alert: Alert, taken_by: Collection[str], *, everybody: bool) -> None:
    value = OpenAlert(alert=alert, told=everybody, taken_by=frozenset(taken_by)).model_dump(mode="json")
    client.update_variable(VariableUpdate(name=name_of(alert), value=value))


def close(client: SyncPrefectClient, alert: Alert) -> bool:
    """Whether this caller has closed it."""
    try:
        client.delete_variable_by_name(name_of(alert))
    except ObjectNotFound:
        return False
    return True


def open_alerts(client: SyncPrefectClient) -> Sequence[OpenAlert]:
    """All of them, in the order of their names."""
    found: list[OpenAlert] = []
    for offset in count(0, PAGE):
        wanted = {"variables": {"tags": {"all_": [TAG]}}, "limit": PAGE, "offset": offset}
        page = client.request("POST", "/variables/filter", json=wanted).json()
        found += [OpenAlert.model_validate(one["value"]) for one in page]
        if len(page) < PAGE:
            break
    return sorted(found, key=lambda one: name_of(one.alert))
