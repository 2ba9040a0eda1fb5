"""What BigQuery says when it refuses, in plain words.

Google's text is repeated only where it is about rights, names and limits; elsewhere it can quote values of
customers, so it is left out: the job's id leads to it, for those who may see it.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from google.api_core import exceptions as google
from google.auth import exceptions as auth

from warehouse.warehouse import WarehouseBusy, WarehouseOutOfRoom, WarehouseUnusable

RIGHTS = "docs/bigquery.md lists the rights that are needed"
UNREACHABLE = (
    google.ServerError,
    google.RetryError,
    google.TooManyRequests,
    ConnectionError,
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    auth.TransportError,
)
"""What may pass by itself."""
CONFLICTS = ("aborted due to concurrent", "Could not serialize access")
_CHECK = re.compile(r"rfm-refused:(\w+):(\d+):(\d+)")


class CheckFailed(Exception):
    """A check inside a script did not hold: which one, and what it counted."""

    def __init__(self, check: str, first: int, second: int) -> None:
        super().__init__(check)
        self.check, self.first, self.second = check, first, second


@contextmanager
def in_plain_words(where: str) -> Iterator[None]:
    """Raises WarehouseBusy, WarehouseOutOfRoom, WarehouseUnusable, and CheckFailed for a check of ours in a script."""
    try:
        yield
    except UNREACHABLE as error:
        raise WarehouseBusy(f"{where} could not be reached ({type(error).__name__}); try again") from None
    except (auth.DefaultCredentialsError, auth.RefreshError, google.Unauthorized):
        raise WarehouseUnusable(
            f"{where}: there are no valid Google credentials; run gcloud auth application-default login, or give the"
            " service account"
        ) from None
    except google.GoogleAPICallError as error:
        if found := _CHECK.search(str(error.message)):
            raise CheckFailed(found[1], int(found[2]), int(found[3])) from None
        raise explained(error, where) from None


def explained(error: google.GoogleAPICallError, where: str) -> WarehouseBusy | WarehouseOutOfRoom | WarehouseUnusable:
    """The error in the words of this project; BigQuery gives the cause as a `reason`."""
    reason, text = reason_of(error), str(error.message)
    if any(sign in text for sign in CONFLICTS):
        return WarehouseBusy(f"{where}: another writer changed the same rows; nothing was written, try again")
    if reason in ("quotaExceeded", "resourcesExceeded"):
        return WarehouseOutOfRoom(f"{where}: a quota of the project is used up: {_about(text)}")
    if reason in ("rateLimitExceeded", "jobRateLimitExceeded"):
        return WarehouseBusy(f"{where}: asked too often ({reason}); try again")
    if reason == "bytesBilledLimitExceeded" or "bytes billed" in text:
        return WarehouseUnusable(
            f"{where}: the query would be billed for more than WAREHOUSE_MAX_BYTES_BILLED; nothing was"
            " billed. Raise it, or look why so much is read"
        )
    if reason in ("billingNotEnabled", "billingTierLimitExceeded") or "billing" in text.lower():
        return WarehouseUnusable(f"{where}: the project's billing is not enabled, or its limit is reached: {reason}")
    if isinstance(error, google.Forbidden):
        return WarehouseUnusable(f"{where}: access denied: {_about(text)}. {RIGHTS}")
    if isinstance(error, google.NotFound):
        return WarehouseUnusable(f"{where}: {_about(text)}; has the warehouse been prepared?")
    return WarehouseUnusable(f"{where}: refused ({reason or type(error).__name__}), job {_job(text)}")


def reason_of(error: google.GoogleAPICallError) -> str:
    return next((str(one["reason"]) for one in error.errors if isinstance(one, dict) and "reason" in one), "")


def _about(text: str) -> str:
    """Google's sentence about names, rights and limits, without the request's address."""
    said = re.sub(r"^\d*\s*(GET|POST|PUT|PATCH|DELETE) \S+: ", "", text)
    return said.split("; reason:")[0].splitlines()[0][:300].rstrip(". ")


def _job(text: str) -> str:
    found = re.search(r"Job ID: (\S+)", text)
    return found[1] if found else "unknown"
