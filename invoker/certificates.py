"""Google's public certificates, by which tokens are checked: fetched when needed, kept as long as they may be."""

import asyncio
import re
import time
from collections.abc import Mapping

import httpx
from pydantic import TypeAdapter, ValidationError

from errors import Retryable

FETCH_WITHIN = 5.0
"""Seconds."""
KEPT = 3600.0
"""Seconds for which certificates are kept when the server does not say."""
FAILED_FOR = 5.0
"""Seconds for which a fetch that failed is not tried again: everybody is told so at once, and nobody waits in line."""
ASK_AGAIN = 60.0
"""Seconds between two fetches for a key that is not among them: a forged token must not make us fetch."""

_CERTIFICATES = TypeAdapter(dict[str, str])


class CertificatesUnavailable(Retryable):
    """The certificates cannot be fetched, so no token can be checked."""


class Certificates:
    """PEM certificates by key id, from a URL."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._known: Mapping[str, str] = {}
        self._fetched = -ASK_AGAIN
        self._good_until = 0.0
        self._failed: tuple[float, str] = (-FAILED_FOR, "")
        self._fetching = asyncio.Lock()

    async def for_key(self, key_id: str) -> Mapping[str, str]:
        """All that are valid now; fetched anew when they are old or do not have this key.

        A known key waits for no fetch that another one needs. Raises CertificatesUnavailable.
        """
        if self._wanting(key_id):
            async with self._fetching:
                if self._wanting(key_id):
                    await self._fetch()
        return self._known

    def _wanting(self, key_id: str) -> bool:
        """Whether a fetch is needed. Raises CertificatesUnavailable while the last one is known to have failed."""
        now = time.monotonic()
        old = now >= self._good_until
        wanting = old or (key_id not in self._known and now - self._fetched >= ASK_AGAIN)
        failed_at, why = self._failed
        if wanting and now - failed_at < FAILED_FOR:
            raise CertificatesUnavailable(why)
        return wanting

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(FETCH_WITHIN), httpx.AsyncClient(timeout=FETCH_WITHIN) as client:
                answer = (await client.get(self._url)).raise_for_status()
            self._known = _CERTIFICATES.validate_json(answer.content)
        except (httpx.HTTPError, ValidationError, TimeoutError) as error:
            why = f"the certificates for tokens cannot be fetched from {self._url}: {type(error).__name__}"
            self._failed = (time.monotonic(), why)
            raise CertificatesUnavailable(why) from None
        self._fetched = now = time.monotonic()
        self._good_until = now + _max_age(answer.headers.get("cache-control", ""))


def _max_age(cache_control: str) -> float:
    told = re.search(r"max-age=(\d{1,9})", cache_control)
    return float(told[1]) if told else KEPT
