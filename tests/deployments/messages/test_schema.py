"""The published schema is that of the contract."""

from deployments.messages.schema import FILE, message_schema


def test_the_published_schema_is_that_of_the_contract():
    assert FILE.read_text() == message_schema(), "run `make generated`"
