import os
import signal

import pytest

from deployments.local.interrupts import deferred, ignored


def test_a_deferred_interrupt_comes_when_the_context_ends():
    done = []

    def begin_and_note():
        with deferred():
            os.kill(os.getpid(), signal.SIGINT)
            done.append("noted")

    with pytest.raises(KeyboardInterrupt):
        begin_and_note()
    assert done == ["noted"]


def test_an_ignored_interrupt_is_lost_and_later_ones_count_again():
    with ignored():
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
