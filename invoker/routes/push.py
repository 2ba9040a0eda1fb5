"""POST /pubsub/push: messages as Pub/Sub pushes them, handled as those that are pulled."""

import logging
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool

from errors import Permanent, Retryable, place_of
from invoker.auth import FromPubSub
from invoker.handle import Handle
from invoker.parts import Needs, Parts
from invoker.problems import ProblemError, documented, unavailable
from messenger.messenger import Delivery

router = APIRouter(tags=["messages"])
PATH = "/pubsub/push"
LARGEST = 15 * 1024 * 1024
"""Bytes: Pub/Sub's largest message, as base64 in its envelope. It has to come in to become a dead letter."""
NO_RECEIPT = ""
"""A pushed message is acknowledged by the answer."""
log = logging.getLogger(__name__)


class PushedMessage(BaseModel):
    """Pub/Sub's own form; what else it may say is not looked at."""

    model_config = ConfigDict(frozen=True)

    data: Base64Bytes = b""
    attributes: dict[str, str] = {}
    message_id: Annotated[str, Field(alias="messageId", max_length=200)]


class Envelope(BaseModel):
    """`deliveryAttempt` is there when the subscription has a dead-letter policy."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "message": {"data": "e30=", "attributes": {"run_id": "rfm-1998-06-30-1"}, "messageId": "1"},
                    "subscription": "projects/my-project/subscriptions/requests-invoker-push",
                }
            ]
        },
    )

    message: PushedMessage
    subscription: str
    delivery_attempt: Annotated[int, Field(alias="deliveryAttempt", ge=0)] = 1

    def delivery(self) -> Delivery:
        return Delivery(
            message_id=self.message.message_id,
            body=self.message.data,
            attributes=self.message.attributes,
            delivery_attempt=self.delivery_attempt,
            subscription=self.subscription,
            receipt=NO_RECEIPT,
        )


def _handle_of(subscription: str, parts: Parts) -> Handle:
    """Only the two subscriptions of the settings are ours; another one may carry anything."""
    invoker = parts.settings.invoker
    known = {invoker.push_requests: parts.handlers.request, invoker.push_statuses: parts.handlers.status}
    known.pop("", None)
    if subscription not in known:
        raise ProblemError(HTTPStatus.FORBIDDEN, "no messages are taken from this subscription")
    return known[subscription]


async def _envelope(request: Request) -> Envelope:
    """Read only after the sender is known."""
    try:
        return Envelope.model_validate_json(await request.body())
    except ValidationError:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "this is not what Pub/Sub pushes") from None


@router.post(
    PATH,
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[FromPubSub],
    response_description="The message is acknowledged: its effect is durable, or it is a dead letter.",
    responses=documented(
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": Envelope.model_json_schema()}}}
    },
)
async def push(request: Request, parts: Needs) -> None:
    """Takes one message from Pub/Sub. An answer of 503, or 500 for a fault of ours, makes Pub/Sub deliver it again."""
    envelope = await _envelope(request)
    handle = _handle_of(envelope.subscription, parts)
    delivery = envelope.delivery()
    try:
        await handle(delivery)
    except Permanent as error:
        await _bury(delivery, str(error), parts)
    except Retryable as error:
        raise unavailable(str(error)) from None
    except Exception as error:
        # one delivery is left to say why: Pub/Sub's own limit is higher, and its dead letters have no reason
        if delivery.delivery_attempt < parts.settings.messenger.max_deliveries:
            raise
        await _bury(delivery, f"{type(error).__name__} in the handler, {place_of(error)}", parts)


async def _bury(delivery: Delivery, reason: str, parts: Parts) -> None:
    log.error("message %s goes to the dead letters: %s", delivery.message_id, reason)
    await run_in_threadpool(parts.messenger.bury, delivery, reason)
