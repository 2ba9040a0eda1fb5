"""python -m deployments.messages: `make messenger-setup` and `make dead-letters` call it."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing

from deployments.messages.dead_letters import as_page, as_table, find
from errors import Permanent, Retryable
from messenger.messenger import Messenger
from wiring import open_messenger


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deployments.messages", description="Look after the Messenger.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("setup", help="make what is missing, and list what could not be made")
    commands.add_parser("missing", help="list what is missing; exit code 1 if there is anything")
    commands.add_parser("list", help="list the dead letters")
    commands.add_parser("show", help="show everything about one").add_argument("message_id")
    for name, text in (("replay", "deliver again, as they were"), ("drop", "forget")):
        command = commands.add_parser(name, help=f"{text}; ids, or --all")
        command.add_argument("message_id", nargs="*", default=[])
        command.add_argument("--all", action="store_true", help="every dead letter there is")
    options = parser.parse_args(arguments)
    if options.command in ("replay", "drop") and bool(options.message_id) == options.all:
        parser.error(f"{options.command} needs message ids, or --all")
    return options


def main(arguments: Sequence[str]) -> int:
    options = parsed(arguments)
    try:
        with closing(open_messenger()) as messenger:
            return _do(options, messenger)
    except KeyError as unknown:
        print(unknown.args[0], file=sys.stderr)
    except (Permanent, Retryable) as failed:
        print(f"Failed: {failed}", file=sys.stderr)
    return 1


def _do(options: argparse.Namespace, messenger: Messenger) -> int:
    if options.command in ("setup", "missing"):
        return _check(messenger, make=options.command == "setup")
    if options.command == "list":
        print(as_table(messenger.dead_letters()))
    elif options.command == "show":
        print(as_page(find(messenger, options.message_id)))
    else:
        return _end(options, messenger)
    return 0


def _end(options: argparse.Namespace, messenger: Messenger) -> int:
    """One that stays keeps no other from it."""
    act, done = (messenger.replay, "replayed") if options.command == "replay" else (messenger.drop, "dropped")
    named = dict.fromkeys(options.message_id or [letter.message_id for letter in messenger.dead_letters()])
    stay = act(*named)
    for message_id in named:
        if message_id in stay:
            print(f"{message_id} is not {done}: {stay[message_id]}", file=sys.stderr)
        else:
            print(f"{done} {message_id}")
    return 1 if stay else 0


def _check(messenger: Messenger, *, make: bool) -> int:
    if make:
        messenger.setup()
    missing = messenger.missing()
    print("\n".join(["Missing:", *missing]) if missing else "Nothing is missing.")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
