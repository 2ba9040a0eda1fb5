"""A second pipeline goes through `orchestrate` as the first one does: requested, waited for, confirmed."""

from contextlib import closing

from examples.reminders.flow import remind
from flows.orchestrate import orchestrate
from messenger.decode import decode_request
from messenger.messenger import INVOKER_REQUESTS
from tests.consuming import consuming
from tests.examples.test_reminders import JUNE_30, file, reminded  # noqa: F401
from tests.tasks.conftest import settings  # noqa: F401
from wiring import open_messenger, open_register


def test_the_reminders_of_the_example_are_orchestrated_and_confirmed(prefect, file):  # noqa: F811
    """In the place of invoker and worker stands a consumer, which carries a request out as it comes."""
    with closing(open_messenger()) as messenger:
        messenger.setup()
        with consuming(messenger, INVOKER_REQUESTS, lambda delivery: remind.fn(decode_request(delivery))):
            run_id = orchestrate("reminders", JUNE_30, parameters={"most": 2})

    assert run_id == "reminders-1998-06-30-1"
    assert reminded(file) == [("c", run_id), ("d", run_id)]
    with closing(open_register()) as register:
        assert register.get(run_id).state == "succeeded"
