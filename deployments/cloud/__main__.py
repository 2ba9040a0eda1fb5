"""python -m deployments.cloud deploy|check|undeploy: what `make deploy` and its friends call.

ENV, DRY_RUN and FORCE come from the environment, where make puts them.
"""

import os
import sys

from deployments.cloud.environment import environment_file, read_environment
from errors import Permanent, Retryable
from settings import Settings

COMMANDS = ("deploy", "check", "undeploy")
LOCAL = "The environment local is the stack of this machine: `make up` registers it, `make down` ends it."


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1] not in COMMANDS:
        print(f"usage: ENV=dev python -m deployments.cloud {'|'.join(COMMANDS)}", file=sys.stderr)
        return 2
    name = os.environ.get("ENV", "")
    if name == "local":
        print(LOCAL)
        return 0
    try:
        return _do(sys.argv[1], name, read_environment(environment_file(name)))
    except (Permanent, Retryable) as failed:
        print(f"Failed: {failed}", file=sys.stderr)
        return 1


def _do(command: str, name: str, settings: Settings) -> int:
    dry_run, force = _switched_on("DRY_RUN"), _switched_on("FORCE")
    if command == "undeploy":
        from deployments.cloud.deploy import undeploy

        undeploy(settings, print, dry_run=dry_run, force=force)
        return 0
    if not _is_well(name, settings):
        return 1
    if command == "deploy":
        from deployments.cloud.deploy import deploy

        deploy(settings, print, dry_run=dry_run)
    return 0


def _is_well(name: str, settings: Settings) -> bool:
    from deployments.cloud.check import findings

    found = findings(settings)
    if found:
        print(f"Wrong in {name}:", *(f"  {line}" for line in found), sep="\n", file=sys.stderr)
        return False
    print(f"{name}: settings complete; every job as Google takes it.")
    return True


def _switched_on(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0")


if __name__ == "__main__":
    sys.exit(main())
