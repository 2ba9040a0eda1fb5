"""What a check saw decides what is told, what stays open, and what is over."""

from datetime import UTC, datetime

import pytest

from errors import Retryable
from warehouse.warehouse import WarehouseBusy
from watch.alert import Alert
from watch.finding import Check, Found, examine


def an_alert(cause, about):
    return Alert(cause=cause, about=about, text="", since=datetime.now(UTC))


LATE = an_alert("late", "rfm 2026-11-23")


def raising(error):
    def look():
        raise error

    return look


def test_a_part_that_works_is_ok_and_ends_its_own_alert_alone():
    found = examine(Check("invoker", lambda: Found("ready")))

    assert (found.state, found.said, list(found.alerts)) == ("ok", "ready", [])
    assert found.settles(an_alert("health", "invoker"))
    assert not found.settles(an_alert("health", "warehouse"))
    assert not found.settles(LATE)


def test_an_error_of_ours_is_told_in_its_own_words():
    found = examine(Check("invoker", raising(Retryable("it does not\nanswer"))))

    assert (found.state, found.said) == ("failed", "it does not answer")
    assert [(alert.cause, alert.about, alert.text) for alert in found.alerts] == [("health", "invoker", found.said)]
    assert not found.settles(an_alert("health", "invoker"))


def test_of_a_foreign_error_only_the_type_is_told():
    found = examine(Check("warehouse", raising(ValueError("jane@example.com"))))

    assert found.said == "ValueError"


def test_busy_is_not_broken_and_ends_nothing():
    found = examine(Check("warehouse", raising(WarehouseBusy("held by process 12"))))

    assert (found.state, list(found.alerts)) == ("busy", [])
    assert not found.settles(an_alert("health", "warehouse"))


@pytest.mark.parametrize(
    ("look", "over"),
    [
        (lambda: Found("all confirmed"), True),
        (lambda: Found("not confirmed", (LATE,)), False),
        (raising(Retryable("the register is locked")), False),
    ],
)
def test_a_late_date_is_over_only_when_the_check_could_look_and_does_not_find_it(look, over):
    assert examine(Check("dates", look, cause="late")).settles(LATE) is over
