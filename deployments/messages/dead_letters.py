"""Dead letters as text, and what is done with them. What they hold is not trusted: it is shown escaped."""

from collections.abc import Sequence

from messenger.messenger import DeadLetter, Messenger

LONGEST_BODY = 4000
"""Characters of a body that are shown."""


def as_table(letters: Sequence[DeadLetter]) -> str:
    """One line each: when, id, subscription, deliveries, run and step, reason."""
    if not letters:
        return "There are no dead letters."
    return "\n".join(
        f"{letter.buried_at:%Y-%m-%d %H:%M:%S}Z  {letter.message_id}  {letter.subscription}"
        f"  after {letter.deliveries}  {_about(letter)}  {_shown(letter.reason)}"
        for letter in letters
    )


def as_page(letter: DeadLetter) -> str:
    """Everything about one."""
    body = letter.body.decode(errors="backslashreplace")
    cut = f" (the first {LONGEST_BODY} characters)" if len(body) > LONGEST_BODY else ""
    lines = [
        f"id            {letter.message_id}",
        f"topic         {letter.topic}",
        f"subscription  {letter.subscription}",
        f"buried at     {letter.buried_at.isoformat()}",
        f"deliveries    {letter.deliveries}",
        f"reason        {_shown(letter.reason)}",
        *(f"attribute     {_shown(name)} = {_shown(value)}" for name, value in sorted(letter.attributes.items())),
        f"body          {len(letter.body)} bytes{cut}",
        _shown(body[:LONGEST_BODY]),
    ]
    return "\n".join(lines)


def find(messenger: Messenger, message_id: str) -> DeadLetter:
    """Raises KeyError."""
    for letter in messenger.dead_letters():
        if letter.message_id == message_id:
            return letter
    raise KeyError(f"no dead letter has the message id {message_id}")


def _about(letter: DeadLetter) -> str:
    run, step = letter.attributes.get("run_id", "unknown run"), letter.attributes.get("step", "unknown step")
    return _shown(f"{run}/{step}"[:100])


def _shown(text: str) -> str:
    """Control characters could write to the terminal what is not there."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
