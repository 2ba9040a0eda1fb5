"""Prints what is wrong with deployments/terraform; the argument: where cdktf-cdktf-provider-google is installed."""

import sys
from pathlib import Path

from deployments.infrastructure import layout, provider, references
from deployments.infrastructure.configuration import FOLDER, read


def main(bindings: str) -> int:
    configuration = read()
    found = [
        *layout.problems(FOLDER),
        *references.problems(configuration),
        *provider.problems(configuration, Path(bindings) / provider.PACKAGE),
    ]
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
