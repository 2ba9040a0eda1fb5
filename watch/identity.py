"""Who this program is on Google Cloud, for services that let in nobody else, such as the invoker on Cloud Run."""

import httpx

METADATA = "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/identity"
"""Google's own address, which every machine and container there reaches, and nothing else."""


def identity(address: str, *, within: float, metadata: str = METADATA) -> dict[str, str]:
    """HTTP headers with an ID token of this machine's service account for the address; none for one without TLS.

    Whoever runs elsewhere has no such account, and asks without. `within` in seconds.
    """
    if not address.startswith("https://"):
        return {}
    try:
        answer = httpx.get(
            metadata, params={"audience": address}, headers={"Metadata-Flavor": "Google"}, timeout=within
        ).raise_for_status()
    except httpx.HTTPError:
        return {}
    return {"Authorization": f"Bearer {answer.text}"}
