"""GET /healthcheck and /readiness."""

import asyncio

import pytest

import invoker.app as invoker_app
from invoker.app import NotSetUp, create_app
from messenger.embedded import EmbeddedMessenger
from settings import Messenger


def test_the_healthcheck_needs_nothing(front, prefect, messenger, settings):
    prefect.stop()
    settings.runs.path.unlink()

    answer = front.get("/healthcheck")

    assert (answer.status_code, answer.content) == (204, b"")


def test_everything_within_reach_is_ready(front):
    answer = front.get("/readiness")

    assert (answer.status_code, answer.json()) == (200, {"messenger": "ok", "register": "ok", "prefect": "ok"})


def test_prefect_down_is_named(front, prefect):
    prefect.stop()

    answer = front.get("/readiness")

    assert answer.status_code == 503
    assert "cannot be reached" in answer.json()["prefect"]
    assert (answer.json()["messenger"], answer.json()["register"]) == ("ok", "ok")


def test_a_subscription_that_is_gone_is_named(front, messenger):
    messenger.unsubscribe("requests-invoker")

    answer = front.get("/readiness")

    assert answer.status_code == 503
    assert "requests-invoker" in answer.json()["messenger"]


def test_a_broker_that_is_not_set_up_stops_the_start_with_the_whole_list(settings, monkeypatch):
    """Only the embedded Messenger is set up by the invoker itself."""
    elsewhere = settings.model_copy(
        update={"messenger": Messenger(kind="pubsub", project="p", path=settings.messenger.path)}
    )
    monkeypatch.setattr(invoker_app, "open_messenger", lambda _: EmbeddedMessenger(settings.messenger.path))

    async def start():
        app = create_app(elsewhere)
        async with app.router.lifespan_context(app):
            pass

    with pytest.raises(NotSetUp, match=r"(?s)requests-invoker.*statuses-register"):
        asyncio.run(start())
