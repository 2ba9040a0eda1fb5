"""How Pub/Sub is called: tried again for a while, and what Google raises becomes what the Protocol promises."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.auth.exceptions import GoogleAuthError

from errors import Permanent
from messenger.messenger import MessengerUnavailable, SubscriptionMissing

PATIENCE = 5.0
"""Seconds for which a call is tried again before the messenger counts as unavailable."""

CALL: dict[str, Any] = {
    "timeout": PATIENCE,
    "retry": Retry(
        predicate=if_exception_type(
            exceptions.ServiceUnavailable,
            exceptions.DeadlineExceeded,
            exceptions.Aborted,
            exceptions.InternalServerError,
            exceptions.TooManyRequests,
            exceptions.Unknown,
        ),
        initial=0.1,
        maximum=1.0,
        timeout=PATIENCE,
    ),
}
"""For every call to Google's clients that may be repeated."""


class Refused(Permanent):
    """Pub/Sub does not take this, now or later."""


@contextmanager
def reaching(what: str, *, missing: type[MessengerUnavailable] = MessengerUnavailable) -> Iterator[None]:
    """`what` is the topic or subscription that is called, `missing` what is raised when it is not there."""
    try:
        yield
    except exceptions.NotFound:
        raise missing(f"{what} is not there: it was never made, or it expired; make messenger-setup") from None
    except exceptions.InvalidArgument as error:
        raise Refused(f"{what}: Pub/Sub refuses it: {error.message}") from None
    except exceptions.PermissionDenied as error:
        raise MessengerUnavailable(f"{what} is closed to this account: {error.message}") from None
    except (exceptions.GoogleAPIError, GoogleAuthError) as error:
        raise MessengerUnavailable(f"{what} cannot be reached: {_cause(error)}") from None
    except ValueError as error:
        if "closed channel" not in str(error):
            raise
        raise MessengerUnavailable(f"{what}: the messenger was closed by this process") from None


def reaching_topic(name: str) -> Any:
    return reaching(f"topic {name}")


def reaching_subscription(name: str) -> Any:
    return reaching(f"subscription {name}", missing=SubscriptionMissing)


def _cause(error: Exception) -> str:
    cause = error.cause if isinstance(error, exceptions.RetryError) and error.cause else error
    return " ".join(str(cause).split())[:500]
