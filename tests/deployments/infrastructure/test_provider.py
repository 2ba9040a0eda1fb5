"""Arguments that Google's provider does not know, or misses, are found: shown with a provider of one resource."""

import pytest

from deployments.infrastructure import provider
from deployments.infrastructure.configuration import read

TOPIC = """
class PubsubTopic:
    @builtins.property
    def id(self): ...


class PubsubTopicConfig:
    def __init__(
        self,
        *,
        name: builtins.str,
        labels: typing.Optional[typing.Mapping[builtins.str, builtins.str]] = None,
        message_storage_policy: typing.Optional[typing.Union["PubsubTopicMessageStoragePolicy"]] = None,
    ) -> None: ...


class PubsubTopicMessageStoragePolicy:
    def __init__(self, *, allowed_persistence_regions: typing.Sequence[builtins.str]) -> None: ...
"""
GOOD = """
resource "google_pubsub_topic" "of" {
  name = "a"

  message_storage_policy {
    allowed_persistence_regions = ["europe-west1"]
  }
}

output "topic" {
  value = google_pubsub_topic.of.id
}
"""


@pytest.fixture
def problems(tmp_path):
    """Of a configuration that is the good one but for a text."""
    (tmp_path / "bindings" / "pubsub_topic").mkdir(parents=True)
    (tmp_path / "bindings" / "pubsub_topic" / "__init__.py").write_text(TOPIC)
    (tmp_path / "terraform").mkdir()

    def found(right="", wrong=""):
        (tmp_path / "terraform" / "main.tf").write_text(GOOD.replace(right, wrong))
        return provider.problems(read(tmp_path / "terraform"), tmp_path / "bindings")

    return found


def test_nothing_is_wrong_with_what_the_provider_knows(problems):
    assert problems() == []


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ('name = "a"', 'name = "a"\n  lables = {}', "lables is not known to the provider"),
        ('name = "a"', "labels = {}", "name is required"),
        ("allowed_persistence_regions", "regions", "message_storage_policy.regions is not known"),
        (
            '"google_pubsub_topic" "of"',
            '"google_pubsub_topik" "of"',
            "has no resource google_pubsub_topik",
        ),
        ("topic.of.id", "topic.of.address", "reads address of a google_pubsub_topic, which has none"),
    ],
)
def test_what_it_does_not_know_is_said(problems, right, wrong, told):
    assert told in "\n".join(problems(right, wrong))
