"""How the images are built and pushed, with docker stood in for by a script that writes down its calls."""

import pytest

from deployments.images.__main__ import build_command, main

DOCKER = """#!/bin/bash
echo "$*" >>"{calls}"
case "$1" in manifest) [[ "$*" == *invoker* ]] ;; esac
"""
"""The registry has the image `invoker`, and no other."""


def command_of(program, **changes):
    return " ".join(build_command(program, "rfm", "europe/p/rfm:abc", **({"base": "", "index": ""} | changes)))


def test_docker_and_buildah_date_the_files_by_the_commit():
    assert "--build-arg SOURCE_DATE_EPOCH=" in command_of("/usr/bin/docker")
    assert "--timestamp " in command_of("/usr/bin/buildah")


def test_the_target_gets_its_name():
    assert "--target rfm --tag europe/p/rfm:abc" in command_of("/usr/bin/docker")


def test_an_index_is_lent_to_the_build_as_a_secret():
    command = command_of("/usr/bin/buildah", index="/etc/pip.conf", base="localhost/python")

    assert "--secret id=index,src=/etc/pip.conf" in command
    assert "--build-arg PYTHON_IMAGE=localhost/python" in command


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """Gives what it was called with."""
    calls = tmp_path / "calls"
    (tmp_path / "docker").write_text(DOCKER.format(calls=calls))
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("TAG", "abc")
    monkeypatch.setenv("REPOSITORY", "europe/p/rfm")
    return lambda: [line.split()[0] for line in calls.read_text().splitlines() if "abc" in line]


def test_an_image_that_is_in_the_registry_is_neither_built_nor_pushed_again(docker, monkeypatch, capsys):
    """The registry lets nobody put another image under a tag, and a second build is another image."""
    monkeypatch.setenv("PUSH", "1")

    assert main(["invoker", "rfm"]) == 0

    assert docker() == ["manifest", "manifest", "buildx", "push"]
    assert "europe/p/rfm/invoker:abc is in the registry" in capsys.readouterr().out


def test_without_a_push_an_image_is_always_built(docker):
    assert main(["invoker"]) == 0

    assert docker() == ["buildx"]
