"""News: requests and statuses in any order and any number tell how a run goes."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.contract.register.asking import BOOM, claim, request, status


def test_a_run_stays_unpublished_until_it_is_marked(register):
    run, _ = claim(register)
    assert claim(register)[0].published is False

    register.mark_published(run.run_id)

    assert register.get(run.run_id).published is True


def test_a_run_tells_its_steps_and_is_where_its_orchestration_is(register):
    claim(register)
    register.note_status(status("started", flow_run_id="f1"))
    register.note_request(request("features"))
    register.note_status(status("succeeded", step="features", facts={"customers": 3}))

    run = register.get("rfm-2026-01-05-1")

    assert run.state == "started"
    assert [(news.step, news.state) for news in run.steps] == [("orchestrate", "started"), ("features", "succeeded")]
    assert (run.steps[0].flow_run_id, run.steps[1].facts) == ("f1", {"customers": 3})


def test_a_failed_run_says_why(register):
    claim(register)
    register.note_status(status("failed"))

    run = register.get("rfm-2026-01-05-1")

    assert (run.state, run.error, run.final) == ("failed", BOOM, True)


def test_late_and_doubled_news_change_nothing(register):
    claim(register)
    for _ in range(2):
        register.note_status(status("succeeded", minutes=2))
    before = register.get("rfm-2026-01-05-1")

    register.note_status(status("started", minutes=1))
    register.note_status(status("failed", minutes=3))
    register.note_request(request("orchestrate"))

    after = register.get("rfm-2026-01-05-1")
    assert after.steps == before.steps
    assert after.state == "succeeded"


def test_news_of_one_attempt_do_not_touch_another(register):
    claim(register)
    claim(register, force=True)

    register.note_status(status("failed", attempt=1))

    assert register.get("rfm-2026-01-05-2").state == "requested"


def test_a_run_known_only_by_its_news_is_not_numbered_again(register):
    """As after a lost register: attempt 1 must not be handed out once more."""
    register.note_status(status("failed", attempt=1))
    register.note_request(request("orchestrate", attempt=2))

    asked = register.get("rfm-2026-01-05-2")
    assert (asked.requested_by, asked.parameters, asked.published) == ("somebody", {"model": "frozen"}, True)
    assert claim(register, parameters={"model": "frozen"}) == (asked, False)
    assert claim(register, force=True)[0].attempt == 3


def test_a_status_alone_makes_a_run_known(register):
    register.note_status(status("failed", attempt=1))

    assert register.get("rfm-2026-01-05-1").error == BOOM
    assert claim(register)[0].attempt == 2


@pytest.mark.parametrize("seed", range(3))
def test_news_of_one_run_from_many_threads_end_in_the_same_state_whatever_their_order(store, seed):
    told = [
        status("started", flow_run_id="o"),
        status("started", step="features", flow_run_id="f"),
        status("succeeded", step="features", minutes=2, flow_run_id="f"),
        status("failed", step="scoring", minutes=3, flow_run_id="s"),
        status("failed", minutes=4, flow_run_id="o"),
    ] * 4
    random.Random(seed).shuffle(told)
    registers = [store.open(), store.open()]

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: registers[n % 2].note_status(told[n]), range(len(told))))

    run = registers[0].get("rfm-2026-01-05-1")
    assert {step.step: step.state for step in run.steps} == {
        "orchestrate": "failed",
        "features": "succeeded",
        "scoring": "failed",
    }


def test_what_strangers_write_into_a_message_is_kept_without_harm(register):
    odd = "NUL \x00, quotes ' \" and a backslash \\"
    register.note_request(request().model_copy(update={"requested_by": odd, "parameters": {"note": odd}}))
    register.note_status(status("failed").model_copy(update={"error": BOOM.model_copy(update={"message": odd})}))

    run = register.get("rfm-2026-01-05-1")

    assert run.requested_by.replace("\x00", "") == odd.replace("\x00", "")
    assert (run.parameters, run.error.message) == ({"note": odd}, odd)
