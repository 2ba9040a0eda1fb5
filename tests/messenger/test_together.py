"""Threads share calls, and each gets what came of its own."""

import threading
import time

import pytest

from messenger.together import Together


def call_from_threads(together, items):
    errors = []

    def call(item):
        try:
            together(item)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=call, args=(item,)) for item in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    return errors


def test_what_comes_during_a_call_is_taken_by_the_next_one():
    calls, may_go = [], threading.Event()

    def slow(items):
        calls.append(sorted(items))
        may_go.wait(5)

    together = Together(slow, most=100)
    first = threading.Thread(target=together, args=(0,))
    first.start()
    while not calls:
        time.sleep(0.001)
    others = threading.Thread(target=call_from_threads, args=(together, range(1, 20)))
    others.start()
    while len(together._parts) < 19:
        time.sleep(0.001)
    may_go.set()
    first.join(5)
    others.join(5)

    assert calls == [[0], list(range(1, 20))]


def test_no_call_takes_more_than_the_most():
    calls = []
    together = Together(lambda items: calls.append(list(items)), most=3)
    with together._lock:
        threads = [threading.Thread(target=together, args=(number,)) for number in range(10)]
        for thread in threads:
            thread.start()
        while len(together._parts) < 10:
            time.sleep(0.001)
    for thread in threads:
        thread.join(5)

    assert max(map(len, calls)) <= 3
    assert sorted(sum(calls, start=[])) == list(range(10))  # noqa: RUF017


def test_an_error_of_a_call_is_raised_to_everyone_in_it():
    def fail(items):
        raise OSError("unplugged")

    errors = call_from_threads(Together(fail, most=100), range(8))

    assert [str(error) for error in errors] == ["unplugged"] * 8


def test_a_failed_call_does_not_stop_the_next():
    answers = iter([OSError("unplugged"), None])

    def flaky(items):
        if (answer := next(answers)) is not None:
            raise answer

    together = Together(flaky, most=100)
    with pytest.raises(OSError, match="unplugged"):
        together(1)
    together(2)
