"""The commands by which a person looks after dead letters."""

import pytest

from deployments.messages.__main__ import main
from messenger.messenger import INVOKER_REQUESTS, REQUESTS, STATUSES
from settings import get_settings
from tests.contract.messenger.pulling import pull_all

ATTRIBUTES = {"run_id": "rfm-2026-01-05-1", "step": "features"}


@pytest.fixture
def messenger(carrier, monkeypatch):
    """The commands find the same one, by their settings."""
    carrier.choose(monkeypatch)
    messenger = carrier.open()
    messenger.setup()
    yield messenger
    get_settings.cache_clear()


def bury(messenger, body, reason):
    message_id = messenger.publish(REQUESTS, body, ATTRIBUTES)
    (delivery,) = messenger.pull(INVOKER_REQUESTS, limit=1, wait=10)
    messenger.bury(delivery, reason)
    return message_id


def test_dead_letters_are_listed_with_run_step_and_reason(messenger, capsys):
    assert main(["list"]) == 0
    assert capsys.readouterr().out == "There are no dead letters.\n"
    message_id = bury(messenger, b"{}", "no such step")

    assert main(["list"]) == 0

    line = capsys.readouterr().out
    for part in (message_id, INVOKER_REQUESTS, "rfm-2026-01-05-1/features", "no such step", "after 1"):
        assert part in line


def test_one_is_shown_with_its_body_and_nothing_that_the_terminal_would_obey(messenger, capsys):
    message_id = bury(messenger, b"\x1b[2Jbody\xff" + b"x" * 10_000, "bad\nreason")

    assert main(["show", message_id]) == 0

    page = capsys.readouterr().out
    assert "\\x1b[2Jbody\\xff" in page
    assert "\x1b" not in page
    assert "bad\\nreason" in page
    assert len(page) < 6000


def test_replayed_ones_are_delivered_again_and_dropped_ones_are_gone(messenger, capsys):
    first, second, third = (bury(messenger, body, "later") for body in (b"1", b"2", b"3"))

    assert main(["replay", first]) == 0
    assert main(["drop", second]) == 0
    assert main(["replay", "--all"]) == 0

    assert sorted(delivery.body for delivery in pull_all(messenger, 2)) == [b"1", b"3"]
    assert messenger.dead_letters() == []
    assert capsys.readouterr().out.split() == ["replayed", first, "dropped", second, "replayed", third]


def test_one_that_cannot_be_replayed_is_said_and_keeps_no_other_from_it(messenger, capsys):
    messenger.subscribe("waiter-left", STATUSES)
    stays = messenger.publish(STATUSES, b"1", ATTRIBUTES)
    (delivery,) = messenger.pull("waiter-left", limit=1, wait=10)
    messenger.bury(delivery, "its waiter was killed")
    goes = bury(messenger, b"2", "later")
    messenger.unsubscribe("waiter-left")

    assert main(["replay", "--all"]) == 1

    said = capsys.readouterr()
    assert said.out.split() == ["replayed", goes]
    assert said.err.startswith(f"{stays} is not replayed: ")
    assert "waiter-left" in said.err
    assert main(["drop", stays, "nowhere"]) == 1
    assert capsys.readouterr().out.split() == ["dropped", stays]
    assert messenger.dead_letters() == []


@pytest.mark.parametrize("command", ["show", "replay", "drop"])
def test_an_unknown_id_is_said_and_fails(messenger, capsys, command):
    assert main([command, "nowhere"]) == 1
    assert "no dead letter has the message id nowhere" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["replay"], ["drop", "id", "--all"], ["burn"]])
def test_what_is_not_understood_does_nothing(arguments):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)

    assert stopped.value.code == 2


def test_what_is_missing_is_listed_and_made(messenger, capsys):
    messenger.unsubscribe(INVOKER_REQUESTS)
    assert main(["missing"]) == 1
    assert INVOKER_REQUESTS in capsys.readouterr().out

    assert main(["setup"]) == 0

    assert messenger.missing() == []


def test_a_messenger_that_cannot_be_reached_is_said(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MESSENGER_PATH", str(tmp_path / "file" / "messenger.db"))
    get_settings.cache_clear()

    assert main(["list"]) == 1

    assert "cannot be opened" in capsys.readouterr().err
    get_settings.cache_clear()
