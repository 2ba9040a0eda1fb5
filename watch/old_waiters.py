"""Subscriptions of runs that have ended: their waiter was killed before it could remove them."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from functools import partial

from settings import Settings
from watch.leftovers import Leftover
from wiring import open_messenger, open_register


def waiters_without_run(
    settings: Settings, run_of: Callable[[str], str | None], before: datetime
) -> Iterator[Leftover]:
    """`run_of` gives the run_id that a subscription is named after. A run that nobody knows may be just beginning:
    its subscription is left to expire.
    """
    with closing(open_messenger(settings)) as messenger, closing(open_register(settings)) as register:
        for name in messenger.subscriptions():
            run_id = run_of(name)
            run = register.get(run_id) if run_id else None
            if run is not None and run.final and (ended := max(news.at for news in run.steps)) < before:
                yield Leftover(name, ended, partial(_remove, settings, name))


def _remove(settings: Settings, name: str) -> None:
    with closing(open_messenger(settings)) as messenger:
        messenger.unsubscribe(name)
