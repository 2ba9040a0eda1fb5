"""Sets up what compose.yaml has started: process pools, deployments, automations and the messenger's parts.

Run again it changes nothing. The runs of a pool are processes of the container of its worker.
"""

import httpx

from deployments.local.parts import POOLS
from deployments.registration.automations import register_automations
from deployments.registration.deploy import register_deployments
from deployments.registration.environment import without_prefect
from deployments.registration.pools import Pool, filled_template, make_pools
from deployments.registration.prefect_file import read_deployments
from settings import get_settings
from wiring import open_messenger

REGISTERED = "compose_registered"
COMMAND, CODE = "python3 -m prefect.engine", "/app"


def main() -> None:
    """Raises httpx.HTTPError, RegistrationFailed, MessengerUnavailable."""
    settings = get_settings()
    template = filled_template("process", {"command": COMMAND, "working_dir": CODE})
    environment = without_prefect() | {"PREFECT_API_URL": settings.prefect.api_url, "PREFECT_HOME": "/tmp/prefect"}  # noqa: S108
    with httpx.Client(base_url=settings.prefect.api_url, timeout=30) as client:
        make_pools(client, [Pool(name, "process", template) for name in POOLS])
        register_deployments(client, read_deployments(settings, POOLS), environment, REGISTERED)
        register_automations(client, settings)
    open_messenger(settings).setup()


if __name__ == "__main__":
    main()
