"""Tell people, once: of an alert when it is new, and when it is over.

Nothing here ever fails who calls it: a run must not fail because nobody could be told that it did. What a channel did
not take stays untold in the book, is said in the log, and is tried again there alone by the health check.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import MissingContextError, PrefectException
from prefect.logging import get_run_logger

from settings import get_settings
from watch import book
from watch.alert import Alert, message, recovery
from watch.channels import mark_of, send, shown

UNREACHABLE = (httpx.HTTPError, PrefectException)
Log = logging.Logger | logging.LoggerAdapter[Any]


def tell(alert: Alert) -> None:
    """Tells the alert unless it is open already. When Prefect cannot be asked it is told: better twice than never."""
    with_client(lambda client: _tell_new(client, alert), otherwise=lambda: _deliver(*_message(alert), _channels()))


def tell_recovered(about: str) -> None:
    """Closes the open alerts about this, and says so where they had been told."""
    tell_over(lambda alert: alert.about == about)


def tell_over(over: Callable[[Alert], bool]) -> None:
    """Closes the open alerts for which `over` holds; one message for all that are about the same, on each channel
    that had taken one of them.
    """

    def close(client: SyncPrefectClient) -> None:
        ended = [one for one in book.open_alerts(client) if over(one.alert) and book.close(client, one.alert)]
        for about in sorted({one.alert.about for one in ended}):
            _tell_recovery(about, [one for one in ended if one.alert.about == about])

    with_client(close)


def tell_untold() -> Iterable[Alert]:
    """Tries each alert again on the channels that have not taken it; returns what one of them still does not take."""
    still: list[Alert] = []

    def try_again(client: SyncPrefectClient) -> None:
        untold = (one for one in book.open_alerts(client) if not one.told)
        still.extend(one.alert for one in untold if not _tell_rest(client, one.alert, one.taken_by))

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
    if book.note(client, alert):
        _tell_rest(client, alert, frozenset())


def _tell_rest(client: SyncPrefectClient, alert: Alert, taken_by: Collection[str]) -> bool:
    """To the channels that have not taken it yet, by their marks; whether none is left then."""
    rest = [address for address in _channels() if mark_of(address) not in taken_by]
    took = _deliver(*_message(alert), rest)
    everybody = len(took) == len(rest)
    if took or everybody:
        book.mark_told(client, alert, {*taken_by, *map(mark_of, took)}, everybody=everybody)
    return everybody


def _tell_recovery(about: str, ended: Sequence[book.OpenAlert]) -> None:
    """Each channel hears the end of what it has heard the beginning of, and of nothing else."""
    log().warning("%s\n%s", *recovery(about, [one.alert for one in ended]))
    for address in _channels():
        if known := [one.alert for one in ended if one.known_to(mark_of(address))]:
            _send(*recovery(about, known), [address])


def _message(alert: Alert) -> tuple[str, str]:
    return message(alert, get_settings().alerts.runbook)


def _channels() -> Sequence[str]:
    return get_settings().alerts.addresses


def _deliver(title: str, text: str, addresses: Sequence[str]) -> Sequence[str]:
    """Those that took it. It always stands in the log."""
    log().warning("%s\n%s", title, text)
    return _send(title, text, addresses)


def _send(title: str, text: str, addresses: Sequence[str]) -> Sequence[str]:
    if failed := send(addresses, title, text):
        names = ", ".join(shown(place, one) for place, one in enumerate(_channels(), 1) if one in failed)
        log().error("%s was not taken by %s of ALERTS_URLS; its address or its service is wrong", title, names)
    return [address for address in addresses if address not in failed]


def log() -> Log:
    """The run's own log inside a run."""
    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger(__name__)
