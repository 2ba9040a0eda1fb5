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
        self._fetching = asyncio.Lock()

    async def for_key(self, key_id: str) -> Mapping[str, str]:
        """All that are valid now; fetched anew when they are old or do not have this key."""
        async with self._fetching:
            now = time.monotonic()
            old = now >= self._good_until
            if old or (key_id not in self._known and now - self._fetched >= ASK_AGAIN):
                await self._fetch(now)
            return self._known

    async def _fetch(self, now: float) -> None:
        try:
            async with httpx.AsyncClient(timeout=FETCH_WITHIN) as client:
                answer = (await client.get(self._url)).raise_for_status()
            self._known = _CERTIFICATES.validate_json(answer.content)
        except (httpx.HTTPError, ValidationError) as error:
            raise CertificatesUnavailable(
                f"the certificates for tokens cannot be fetched from {self._url}: {type(error).__name__}"
            ) from None
        self._fetched = now
        self._good_until = now + _max_age(answer.headers.get("cache-control", ""))


def _max_age(cache_control: str) -> float:
    told = re.search(r"max-age=(\d{1,9})", cache_control)
    return float(told[1]) if told else KEPT
