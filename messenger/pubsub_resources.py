"""The topics and subscriptions that the Pub/Sub messenger needs, and the commands that make them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Any

from messenger.messenger import LONGEST_DELAY, REQUESTS, STANDING, STATUSES

DEAD_LETTERS = "dead-letters"
"""The topic of dead letters, and the one subscription that holds them."""
TOPICS = (REQUESTS, STATUSES, DEAD_LETTERS)

SHORTEST_LEASE = 10
FEWEST_DELIVERIES, MOST_DELIVERIES = 5, 100
SHORTEST_EXPIRY = timedelta(days=1)
"""Pub/Sub's own bounds."""
DEAD_LETTERS_KEPT = timedelta(days=31)
DEAD_LETTERS_LEASE = 60


@dataclass(frozen=True, slots=True)
class Resources:
    """Names and definitions. `prefix` keeps several systems in one project apart; `lease` in seconds."""

    project: str
    prefix: str
    lease: float
    max_deliveries: int

    def topic(self, name: str) -> str:
        return f"projects/{self.project}/topics/{self.prefix}{name}"

    def subscription(self, name: str) -> str:
        """Of our short name. A pushed message knows the full name, which may not have our prefix."""
        return name if "/" in name else f"projects/{self.project}/subscriptions/{self.prefix}{name}"

    def short(self, subscription: str) -> str:
        """Our name of the subscription, or the full name of one that does not have our prefix."""
        return subscription.removeprefix(self.subscription(""))

    @property
    def standing(self) -> Mapping[str, str]:
        """Subscription and topic of what must be there before work starts."""
        return {**STANDING, DEAD_LETTERS: DEAD_LETTERS}

    @property
    def ack_deadline(self) -> int:
        return ceil(min(max(self.lease, SHORTEST_LEASE), LONGEST_DELAY))

    def dead_letter_policy(self, *, pushed: bool = False) -> dict[str, Any]:
        """Pub/Sub gives up later than we do: ours is the dead letter with a reason.

        Where it pushes, each answer 503 counts, as while Prefect is down: there it gives up as late as it can.
        """
        given_up_after = min(max(self.max_deliveries + 1, FEWEST_DELIVERIES), MOST_DELIVERIES)
        return {
            "dead_letter_topic": self.topic(DEAD_LETTERS),
            "max_delivery_attempts": MOST_DELIVERIES if pushed else given_up_after,
        }

    def definition(
        self, name: str, topic: str, *, run_id: str | None = None, expires_after: timedelta | None = None
    ) -> dict[str, Any]:
        """A subscription as Pub/Sub's API wants it."""
        if name == DEAD_LETTERS:
            return {
                "name": self.subscription(name),
                "topic": self.topic(topic),
                "ack_deadline_seconds": DEAD_LETTERS_LEASE,
                "message_retention_duration": DEAD_LETTERS_KEPT,
                "expiration_policy": {},
            }
        return {
            "name": self.subscription(name),
            "topic": self.topic(topic),
            "ack_deadline_seconds": self.ack_deadline,
            "filter": "" if run_id is None else f"attributes.run_id = {_quoted(run_id)}",
            "expiration_policy": {} if expires_after is None else {"ttl": max(expires_after, SHORTEST_EXPIRY)},
            "dead_letter_policy": self.dead_letter_policy(),
        }

    def topic_command(self, name: str) -> str:
        return f"gcloud pubsub topics create {self.prefix}{name} --project={self.project}"

    def subscription_command(self, name: str) -> str:
        create = (
            f"gcloud pubsub subscriptions create {self.prefix}{name} --project={self.project}"
            f" --topic={self.prefix}{self.standing[name]} --expiration-period=never"
        )
        if name == DEAD_LETTERS:
            return (
                f"{create} --ack-deadline={DEAD_LETTERS_LEASE} --message-retention-duration={DEAD_LETTERS_KEPT.days}d"
            )
        return f"{create} --ack-deadline={self.ack_deadline} {self._dead_letter_options()}"

    def removal_command(self, name: str) -> str:
        remove = f"gcloud pubsub subscriptions delete {self.prefix}{name} --project={self.project}"
        return f"{remove} && {self.subscription_command(name)}"

    def policy_command(self, name: str, *, pushed: bool = False) -> str:
        return f"{self._update(name)} {self._dead_letter_options(pushed=pushed)}"

    def lease_command(self, name: str) -> str:
        return f"{self._update(name)} --ack-deadline={self.ack_deadline}"

    def permission_command(self, kind: str, name: str, role: str) -> str:
        return (
            f"gcloud pubsub {kind}s add-iam-policy-binding {self.prefix}{name} --project={self.project}"
            f" --member=serviceAccount:ACCOUNT --role={role}"
        )

    def _update(self, name: str) -> str:
        return f"gcloud pubsub subscriptions update {self.prefix}{name} --project={self.project}"

    def _dead_letter_options(self, *, pushed: bool = False) -> str:
        attempts = self.dead_letter_policy(pushed=pushed)["max_delivery_attempts"]
        return f"--dead-letter-topic={self.prefix}{DEAD_LETTERS} --max-delivery-attempts={attempts}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
