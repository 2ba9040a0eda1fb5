"""Starts the invoker: `python -m invoker`. One process is uvicorn alone, several are gunicorn's."""

import sys

from invoker.serve import PortTaken, listen, serve
from settings import get_settings


def main() -> int:
    settings = get_settings()
    try:
        listening = listen(settings.invoker.host, settings.invoker.port)
    except PortTaken as error:
        print(error, file=sys.stderr)
        return 1
    return serve(settings.invoker, listening)


if __name__ == "__main__":
    sys.exit(main())
