import socket
from pathlib import Path

import pytest

from deployments.local.layout import Layout


def test_the_sockets_of_a_short_folder_are_in_it(tmp_path):
    assert Layout(tmp_path).sockets.is_relative_to(tmp_path)


def test_the_sockets_of_a_long_folder_can_be_bound_all_the_same(tmp_path):
    layout = Layout(tmp_path / ("long" * 40))
    layout.make()

    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(layout.sockets / ".s.PGSQL.5432"))

    assert layout.sockets.stat().st_mode & 0o777 == 0o700
    (layout.sockets / ".s.PGSQL.5432").unlink()
    layout.sockets.rmdir()


def test_two_long_folders_have_different_sockets(tmp_path):
    assert Layout(tmp_path / ("a" * 100)).sockets != Layout(tmp_path / ("b" * 100)).sockets


def test_a_socket_folder_that_another_made_for_us_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    layout = Layout(tmp_path / ("long" * 40))
    (tmp_path / "elsewhere").mkdir()
    Path(layout.sockets).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(PermissionError, match="another user"):
        layout.make()

    assert list((tmp_path / "elsewhere").iterdir()) == []
