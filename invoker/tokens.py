"""Google's ID tokens: who sent this request, if the token is good."""

import time
from collections.abc import Collection, Mapping

from errors import Permanent
from invoker.certificates import Certificates

ISSUERS = ("accounts.google.com", "https://accounts.google.com")
CLOCK_SKEW = 10
"""Seconds by which our clock and Google's may differ."""
CHECKED = ".SIGNATURE_REMOVED_BY_GOOGLE"
"""What Cloud Run puts in the place of a signature that it has checked, so that nobody can use the token again."""


class BadToken(Permanent):
    """The token is missing, forged, expired, or meant for somebody else: it says nothing about the caller."""


class NotAllowed(Permanent):
    """The token is good, and its account may not do this."""


class Tokens:
    """Checks signature, expiry, issuer, audience, and that the e-mail is verified and one of the accounts.

    `behind_cloud_run`: a token whose signature Cloud Run has checked and removed is believed. Only true where
    nothing reaches this process but through Cloud Run, and it lets in nobody without asking IAM.
    """

    def __init__(self, certificates: Certificates, *, behind_cloud_run: bool = False) -> None:
        self._certificates = certificates
        self._behind_cloud_run = behind_cloud_run

    async def email_of(self, token: str | None, *, audiences: Collection[str], accounts: Collection[str]) -> str:
        """Raises BadToken, NotAllowed, CertificatesUnavailable. No text of an error has the token in it."""
        if not token:
            raise BadToken("a token is needed: Authorization: Bearer, with a Google ID token after it")
        if not audiences:
            raise NotAllowed("no audience is set, and without one every Google token would do")
        claims = await self._verified(token, audiences)
        if claims.get("iss") not in ISSUERS:
            raise BadToken("the token was not issued by Google")
        email = claims.get("email")
        if not isinstance(email, str) or claims.get("email_verified") is not True:
            raise NotAllowed("the token has no verified e-mail")
        if email not in accounts:
            raise NotAllowed("this account may not do this")
        return email

    async def _verified(self, token: str, audiences: Collection[str]) -> dict[str, object]:
        from google.auth import jwt  # takes a quarter of a second, and not everybody asks for tokens

        if self._behind_cloud_run and token.endswith(CHECKED):
            return _claims_checked_by_cloud_run(token, audiences)
        try:
            key_id = str(jwt.decode_header(token).get("kid"))  # type: ignore[no-untyped-call]
        except Exception:  # whatever a stranger sends: it is no token
            raise BadToken("what was sent is no token") from None
        certificates = await self._certificates.for_key(key_id)
        if key_id not in certificates:
            raise BadToken("the token is signed with a key that is not Google's")
        try:
            claims = jwt.decode(  # type: ignore[no-untyped-call]
                token,
                certs={key_id: certificates[key_id]},
                audience=list(audiences),
                clock_skew_in_seconds=CLOCK_SKEW,
            )
        except Exception:  # the reason may hold the token's content
            raise BadToken("the token is forged, expired, or meant for another audience") from None
        return dict(claims)


def _claims_checked_by_cloud_run(token: str, audiences: Collection[str]) -> dict[str, object]:
    from google.auth import jwt

    try:
        claims: Mapping[str, object] = jwt.decode(token, verify=False)  # type: ignore[no-untyped-call]
        good = claims["aud"] in audiences and float(str(claims["exp"])) + CLOCK_SKEW > time.time()
    except Exception:  # whatever a stranger sends: it is no token
        raise BadToken("what was sent is no token") from None
    if not good:
        raise BadToken("the token is expired, or meant for another audience")
    return dict(claims)
