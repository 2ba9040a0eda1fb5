"""For scripts that tests run: the process is gone from one moment to the next, as by `kill -9`."""

import os
import signal


def die(*_anything, **_more):
    os.kill(os.getpid(), signal.SIGKILL)


def dying_after(function):
    def both(*anything, **more):
        function(*anything, **more)
        die()

    return both
