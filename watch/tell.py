"""Tell people, once: of an alert when it is new, and when it is over.

Nothing here ever fails who calls it: a run must not fail because nobody could be told that it did. What could not
be told stays open and untold in the book, is said in the log, and is tried again by the health check.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Any

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import MissingContextError, PrefectException
from prefect.logging import get_run_logger

from settings import get_settings
from watch import book
from watch.alert import Alert, message, recovery
from watch.channels import NotDelivered, send

UNREACHABLE = (httpx.HTTPError, PrefectException)
Log = logging.Logger | logging.LoggerAdapter[Any]


def tell(alert: Alert) -> None:
    """Tells the alert unless it is open already. When Prefect cannot be asked it is told: better twice than never."""
    with_client(lambda client: _tell_new(client, alert), otherwise=lambda: _deliver(*_message(alert)))


def tell_recovered(about: str) -> None:
    """Closes the open alerts about this, and says so where they had been told."""
    tell_over(lambda alert: alert.about == about)


def tell_over(over: Callable[[Alert], bool]) -> None:
    """Closes the open alerts for which `over` holds; one message for all that are about the same."""

    def close(client: SyncPrefectClient) -> None:
        ended = [one for one in book.open_alerts(client) if over(one.alert)]
        told = [one.alert for one in ended if book.close(client, one.alert) and one.told]
        for about in sorted({alert.about for alert in told}):
            _deliver(*recovery(about, [alert for alert in told if alert.about == about]))

    with_client(close)


def tell_untold() -> Iterable[Alert]:
    """Tries again what no channel has taken; returns what still is not told."""
    still: list[Alert] = []

    def try_again(client: SyncPrefectClient) -> None:
        for one in book.open_alerts(client):
            if not one.told:
                if _deliver(*_message(one.alert)):
                    book.mark_told(client, one.alert)
                else:
                    still.append(one.alert)

    with_client(try_again)
    return still


def with_client(work: Callable[[SyncPrefectClient], None], otherwise: Callable[[], object] = lambda: None) -> None:
    """Does the work with a client of Prefect; what Prefect cannot do now is said in the log."""
    try:
        with get_client(sync_client=True) as client:
            work(client)
    except UNREACHABLE as error:
        log().error("the open alerts cannot be looked at or changed now: %s", type(error).__name__)
        otherwise()


def _tell_new(client: SyncPrefectClient, alert: Alert) -> None:
    if book.note(client, alert) and _deliver(*_message(alert)):
        book.mark_told(client, alert)


def _message(alert: Alert) -> tuple[str, str]:
    return message(alert, get_settings().alerts.runbook)


def _deliver(title: str, text: str) -> bool:
    """Whether every channel took it. It always stands in the log."""
    log().warning("%s\n%s", title, text)
    try:
        send(get_settings().alerts.addresses, title, text)
    except NotDelivered as error:
        log().error("the alert %s was %s", title, error)
        return False
    return True


def log() -> Log:
    """The run's own log inside a run."""
    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger(__name__)
