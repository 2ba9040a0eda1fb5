"""What only the register in a file promises."""

import pytest

from register.register import RegisterUnavailable
from register.sqlite import SqliteRegister


def test_a_file_that_is_no_database_is_unavailable(tmp_path):
    path = tmp_path / "register.db"
    path.write_bytes(b"no database " * 1000)

    with pytest.raises(RegisterUnavailable, match="not a database"):
        SqliteRegister(path)
