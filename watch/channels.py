"""The channels to people: Apprise's addresses of mail, Slack, Teams, webhooks and a hundred others."""

from collections.abc import Sequence


class NotDelivered(Exception):
    """Some channels did not take the message. Names them without what is secret in their addresses."""


def send(addresses: Sequence[str], title: str, text: str) -> None:
    """Tells it on every channel. Raises NotDelivered when one did not take it; the others still got it."""
    failed = [_name(place, address) for place, address in enumerate(addresses, 1) if not _told(address, title, text)]
    if failed:
        raise NotDelivered(f"not taken by {', '.join(failed)} of ALERTS_URLS; its address or its service is wrong")


def _told(address: str, title: str, text: str) -> bool:
    from apprise import Apprise  # a tenth of a second that only those pay who have something to tell

    channel = Apprise()
    return channel.add(address) and bool(channel.notify(title=title, body=text))


def _name(place: int, address: str) -> str:
    """The scheme alone: the rest of an address holds passwords and tokens."""
    return f"channel {place} ({address.split('://')[0]}://)"
