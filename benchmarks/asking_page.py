"""How long the first visit of the start page takes, in chromium: from the navigation until the last part is drawn."""

from collections.abc import Sequence

from tests.browser import chromium, opened

VISITS = 5
DRAWN = "() => performance.getEntriesByName('drawn').length"
TOOK = "() => performance.getEntriesByName('drawn')[0].startTime"


def first_visits(port: int) -> Sequence[float]:
    """Milliseconds of each; nothing is kept from one visit to the next."""
    took = []
    with chromium() as browser:
        for _ in range(VISITS):
            with opened(browser, f"http://127.0.0.1:{port}/") as watched:
                watched.page.wait_for_function(DRAWN)
                took.append(round(watched.page.evaluate(TOOK), 1))
    return took
