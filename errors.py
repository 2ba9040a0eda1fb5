"""The two kinds of errors that decide what happens next. Their text is shown to people: no customer data in it."""


class Retryable(Exception):
    """The cause lies outside and may pass: the same thing is worth trying again."""


class Permanent(Exception):
    """Trying again cannot help: a person has to look at it."""
