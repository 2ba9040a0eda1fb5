"""What is said and not heard: the ledger decides, and nothing is done twice."""

import pytest

from tests.e2e.local_stack import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.long]


def test_a_status_that_was_lost_is_settled_from_the_ledger(faults):
    _, run_id = faults.ask(51)

    with faults.lost_statuses(run_id, "features"):
        faults.under_way(run_id, "scoring", within=120)

    run = faults.final(run_id)
    assert (run["state"], run["attempt"]) == ("succeeded", 1), run
    assert faults.committed(run_id) == {"features", "scoring", "published"}


def test_a_messenger_that_is_locked_for_a_while_delays_a_run_and_no_more(faults):
    _, run_id = faults.ask(52)
    faults.under_way(run_id, "features")

    with faults.locked_messenger():
        wait_for(lambda: "features" in faults.committed(run_id) or None, 60, "the commit of the features")

    run = faults.final(run_id)
    assert (run["state"], run["attempt"]) == ("succeeded", 1), run
