"""What Google says is told in plain words: what happened, what to do, and no value of a customer."""

import pytest
import requests
from google.api_core import exceptions as google
from google.auth import exceptions as auth

from warehouse.bigquery_errors import CheckFailed, in_plain_words
from warehouse.warehouse import WarehouseBusy, WarehouseOutOfRoom, WarehouseUnusable

ACCESS = "Access Denied: Table shop:rfm.rfm_scores: User does not have permission to query table"


def said(kind, reason, message):
    return kind(f"POST https://bigquery.googleapis.com/x: {message}", errors=[{"reason": reason, "message": message}])


@pytest.mark.parametrize(
    ("raised", "error", "text"),
    [
        (said(google.Forbidden, "accessDenied", ACCESS), WarehouseUnusable, "access denied: Access Denied.*rights"),
        (said(google.Forbidden, "quotaExceeded", "Quota exceeded: loads"), WarehouseOutOfRoom, "quota.*loads"),
        (said(google.Forbidden, "rateLimitExceeded", "too many"), WarehouseBusy, "try again"),
        (said(google.Forbidden, "billingNotEnabled", "Billing has not been enabled"), WarehouseUnusable, "billing"),
        (
            said(google.BadRequest, "bytesBilledLimitExceeded", "Query exceeded limit for bytes billed: 1000"),
            WarehouseUnusable,
            "WAREHOUSE_MAX_BYTES_BILLED",
        ),
        (said(google.BadRequest, "resourcesExceeded", "Resources exceeded"), WarehouseOutOfRoom, "quota"),
        (said(google.NotFound, "notFound", "Not found: Dataset shop:rfm"), WarehouseUnusable, "Dataset.*prepared"),
        (
            said(google.BadRequest, "invalidQuery", "Transaction is aborted due to concurrent update against table x"),
            WarehouseBusy,
            "another writer",
        ),
        (google.ServiceUnavailable("down"), WarehouseBusy, "could not be reached"),
        (requests.ConnectionError("secret host"), WarehouseBusy, "could not be reached"),
        (auth.DefaultCredentialsError("none"), WarehouseUnusable, "no valid Google credentials"),
        (auth.RefreshError("expired"), WarehouseUnusable, "no valid Google credentials"),
    ],
)
def test_the_cause_is_told_and_whether_trying_again_can_help(raised, error, text):
    with pytest.raises(error, match=f"shop.rfm.*(?i:{text})"), in_plain_words("shop.rfm"):
        raise raised


def test_what_can_quote_a_customers_value_is_left_out_and_the_job_is_named():
    quoting = said(google.BadRequest, "invalidQuery", "Bad int64 value: secret\n\nLocation: US\nJob ID: abc-1\n")
    expected = pytest.raises(WarehouseUnusable, match=r"refused \(invalidQuery\), job abc-1")
    with expected as error, in_plain_words("shop.rfm"):
        raise quoting
    assert "secret" not in str(error.value)


def test_a_check_of_ours_in_a_script_is_known_by_its_name_and_counts():
    failed = said(google.BadRequest, "invalidQuery", "Query error: rfm-refused:sums:5:4 at [3:1]")
    with pytest.raises(CheckFailed) as error, in_plain_words("shop.rfm"):
        raise failed
    assert (error.value.check, error.value.first, error.value.second) == ("sums", 5, 4)
