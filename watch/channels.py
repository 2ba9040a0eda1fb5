"""The channels to people: Apprise's addresses of mail, Slack, Teams, webhooks and a hundred others."""

import hashlib
from collections.abc import Sequence


def send(addresses: Sequence[str], title: str, text: str) -> Sequence[str]:
    """Tells it on every channel, whatever becomes of the others; returns the addresses that did not take it."""
    return [address for address in addresses if not _told(address, title, text)]


def mark_of(address: str) -> str:
    """By which a channel is known again, and from which nobody can read its passwords and tokens."""
    return hashlib.sha256(address.encode()).hexdigest()[:16]


def shown(place: int, address: str) -> str:
    """The scheme alone: the rest of an address holds passwords and tokens."""
    return f"channel {place} ({address.split('://')[0]}://)"


def _told(address: str, title: str, text: str) -> bool:
    from apprise import Apprise  # a tenth of a second that only those pay who have something to tell

    channel = Apprise()
    return channel.add(address) and bool(channel.notify(title=title, body=text))
