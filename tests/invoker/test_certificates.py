"""Certificates are fetched when they are needed, by one for all, and a server that is away holds nobody up."""

import asyncio

import pytest

from invoker import certificates
from invoker.certificates import Certificates, CertificatesUnavailable
from tests.invoker.google import CertificateServer, Key


@pytest.fixture(scope="module")
def key():
    return Key("ours")


@pytest.fixture
def server(key):
    server = CertificateServer(key)
    yield server
    server.stop()


def test_many_who_ask_at_once_are_served_by_one_fetch(server):
    kept = Certificates(server.url)

    async def ask():
        return await asyncio.gather(*(kept.for_key("ours") for _ in range(5)))

    assert all("ours" in known for known in asyncio.run(ask()))
    assert server.fetched == 1


def test_those_who_wait_in_line_for_a_silent_server_are_refused_with_the_first_one(server, monkeypatch):
    monkeypatch.setattr(certificates, "FETCH_WITHIN", 0.2)
    server.answers.clear()
    kept = Certificates(server.url)

    async def ask():
        return await asyncio.gather(*(kept.for_key("ours") for _ in range(5)), return_exceptions=True)

    refused = asyncio.run(ask())

    assert {type(one) for one in refused} == {CertificatesUnavailable}
    assert server.fetched == 1


def test_a_failure_is_remembered_for_a_while_and_then_forgotten(server, monkeypatch):
    kept = Certificates(server.url)
    server.broken = True

    def asked():
        try:
            return asyncio.run(kept.for_key("ours"))
        except CertificatesUnavailable as error:
            return str(error)

    first, second = asked(), asked()
    server.broken = False
    monkeypatch.setattr(certificates, "FAILED_FOR", 0)

    assert first == second
    assert "cannot be fetched" in first
    assert "ours" in asked()
    assert server.fetched == 2


def test_a_key_that_is_known_does_not_wait_for_the_fetch_that_a_forged_one_makes(server, monkeypatch):
    monkeypatch.setattr(certificates, "ASK_AGAIN", 0)
    kept = Certificates(server.url)

    async def ask():
        await kept.for_key("ours")
        server.answers.clear()
        forged = asyncio.create_task(kept.for_key("forged"))
        while server.fetched < 2:
            await asyncio.sleep(0.01)
        known = await asyncio.wait_for(kept.for_key("ours"), 2)
        waits = not forged.done()
        server.answers.set()
        return known, waits, await forged

    known, waits, all_there_are = asyncio.run(ask())

    assert waits
    assert set(known) == set(all_there_are) == {"ours"}
