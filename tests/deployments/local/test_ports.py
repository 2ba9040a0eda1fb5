import socket

from deployments.local.ports import choose_port


def test_a_free_port_is_taken_as_wanted():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    assert choose_port(port) == port


def test_a_port_that_someone_listens_on_is_avoided():
    with socket.socket() as owner:
        owner.bind(("127.0.0.1", 0))
        owner.listen()

        assert choose_port(owner.getsockname()[1]) not in (0, owner.getsockname()[1])


def test_zero_means_any_port():
    assert choose_port(0) > 0
