"""What a container starts with where the platform hands over no secrets, as Vertex AI does not.

A variable NAME_FROM_SECRET=projects/P/secrets/S/versions/V is replaced by NAME with the secret's value; then the
process becomes the flow run. The value is in no job description, and in no log.
"""

import base64
import os
import sys
from collections.abc import Callable, Mapping

from errors import PASSING, Permanent, Retryable

ENDING = "_FROM_SECRET"
SECRET_MANAGER = "https://secretmanager.googleapis.com/v1"  # noqa: S105
WITHIN = 30.0
"""Seconds for one answer."""
TRIES, BACKOFF = 6, 1.0
"""Of one secret; the pauses between them are 0, 2, 4, 8 and 16 times so many seconds."""
FLOW_RUN = ("-m", "tasks.execute")


class SecretRefused(Permanent):
    """Secret Manager does not give the secret to this container's service account, or there is none."""


class SecretUnavailable(Retryable):
    """Secret Manager cannot be reached, or does not answer now, however often it is asked."""


def fetch(reference: str) -> str:
    """The secret's value. Raises SecretRefused, SecretUnavailable."""
    import google.auth
    import google.auth.transport.requests
    from google.auth.exceptions import GoogleAuthError
    from requests import RequestException
    from requests.adapters import HTTPAdapter
    from urllib3 import Retry

    again = Retry(TRIES - 1, status_forcelist=PASSING, backoff_factor=BACKOFF, raise_on_status=False)
    try:
        credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
        session = google.auth.transport.requests.AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
        session.mount(SECRET_MANAGER, HTTPAdapter(max_retries=again))
        answer = session.get(f"{SECRET_MANAGER}/{reference}:access", timeout=WITHIN)
    except (GoogleAuthError, RequestException) as error:
        raise SecretUnavailable(f"{reference} could not be read: {type(error).__name__}") from None
    if answer.status_code in PASSING:
        raise SecretUnavailable(f"{reference} could not be read: Secret Manager answered {answer.status_code}")
    if not answer.ok:
        raise SecretRefused(f"{reference} could not be read: Secret Manager answered {answer.status_code}")
    return base64.b64decode(answer.json()["payload"]["data"]).decode()


def with_secrets(environment: Mapping[str, str], read: Callable[[str], str] = fetch) -> dict[str, str]:
    """The environment with the values of its secrets in the place of their names. Raises what `read` raises."""
    return {
        name.removesuffix(ENDING): read(value) if name.endswith(ENDING) else value
        for name, value in environment.items()
    }


def main() -> None:
    try:
        environment = with_secrets(os.environ)
    except (SecretRefused, SecretUnavailable) as error:
        sys.exit(f"The container does not start: {error}")
    os.execve(sys.executable, [sys.executable, *FLOW_RUN], environment)  # noqa: S606


if __name__ == "__main__":
    main()
