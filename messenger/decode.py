"""From a delivery to a message of the contract, or the reason why it is none.

What comes in is not trusted: the reason names fields and rules, never values, since it is shown and logged.
"""

import json
from typing import TypeVar

from pydantic import ValidationError

from errors import Permanent
from messenger.contract import Message, RunRequest, RunStatus
from messenger.messenger import Delivery

LARGEST_MESSAGE = 256 * 1024
"""Bytes. A message says what to do, it does not carry data."""
MOST_PROBLEMS, LONGEST_NAME = 5, 60
"""How many wrong fields a reason names, and how many characters of a name it shows."""

AnyMessage = TypeVar("AnyMessage", bound=Message)


class NoMessage(Permanent):
    """The delivery is not a message of the contract; its text says what is wrong with it."""


def decode_request(delivery: Delivery) -> RunRequest:
    """Raises NoMessage."""
    return _decode(delivery, RunRequest)


def decode_status(delivery: Delivery) -> RunStatus:
    """Raises NoMessage."""
    return _decode(delivery, RunStatus)


def _decode(delivery: Delivery, model: type[AnyMessage]) -> AnyMessage:
    _check_version(_parse_json(delivery.body))
    try:
        message = model.model_validate_json(delivery.body)
    except ValidationError as error:
        raise NoMessage(f"not a {model.__name__}: {_problems(error)}") from None
    _check_attributes(delivery, message)
    return message


def _parse_json(body: bytes) -> object:
    if not body:
        raise NoMessage("the body is empty")
    if len(body) > LARGEST_MESSAGE:
        raise NoMessage(f"the body has {len(body)} bytes; a message has at most {LARGEST_MESSAGE}")
    try:
        return json.loads(body)
    except UnicodeDecodeError:
        raise NoMessage("the body is not UTF-8") from None
    except (ValueError, RecursionError):
        hint = "; it looks like a Python dict as text" if body.lstrip().startswith(b"{'") else ""
        raise NoMessage(f"the body is not JSON{hint}") from None


def _check_version(parsed: object) -> None:
    if not isinstance(parsed, dict):
        raise NoMessage("the body is JSON, but not an object")
    if parsed.get("version", 1) != 1:
        raise NoMessage("the message has another version than 1")


def _check_attributes(delivery: Delivery, message: Message) -> None:
    expected = message.attributes()
    missing = [name for name in expected if name not in delivery.attributes]
    if missing:
        raise NoMessage(f"attributes are missing: {', '.join(missing)}")
    different = [name for name, value in expected.items() if delivery.attributes[name] != value]
    if different:
        raise NoMessage(f"attributes differ from the body: {', '.join(different)}")


def _problems(error: ValidationError) -> str:
    """Field and rule of each problem. Pydantic's text is kept only where it cannot hold the value."""
    problems = error.errors(include_input=False, include_url=False, include_context=False)
    shown = [
        f"{_field(problem['loc'])}: {'not valid' if problem['type'] == 'value_error' else problem['msg']}"
        for problem in problems[:MOST_PROBLEMS]
    ]
    more = len(problems) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")


def _field(location: tuple[int | str, ...]) -> str:
    name = ".".join(str(part) for part in location) or "the fields together"
    return repr(name)[1:-1][:LONGEST_NAME]
