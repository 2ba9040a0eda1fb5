"""Pub/Sub does not take a message: nothing is accepted, nothing is lost, and asking again is enough."""

import pytest
from google.pubsub_v1 import PublisherClient

from messenger.messenger import REQUESTS
from tests.invoker.parts import DAY

pytestmark = pytest.mark.parametrize("carrier", ["pubsub"], indirect=True)


def test_while_the_topic_is_gone_nothing_is_accepted_and_afterwards_it_is(invoker, carrier, messenger):
    topic = f"projects/{carrier.settings.project}/topics/{carrier.prefix}{REQUESTS}"
    PublisherClient().delete_topic(topic=topic)
    refused = [invoker.get("/invoke", params={"run_date": DAY}) for _ in range(2)]
    PublisherClient().create_topic(name=topic)
    messenger.subscribe("published", REQUESTS)

    accepted = invoker.get("/invoke", params={"run_date": DAY})

    assert [(answer.status_code, answer.headers["retry-after"]) for answer in refused] == [(503, "5")] * 2
    assert all("nothing was accepted" in answer.json()["detail"] for answer in refused)
    assert (accepted.status_code, accepted.json()["run_id"]) == (202, "rfm-1998-06-30-1")
    [published] = messenger.pull("published", limit=10, wait=10)
    assert published.attributes["run_id"] == "rfm-1998-06-30-1"
