"""What only the register in a file promises."""

from datetime import UTC, date, datetime, timedelta

import pytest

from register.register import RegisterUnavailable
from register.sqlite import SqliteRegister

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)


def test_a_file_that_is_no_database_is_unavailable(tmp_path):
    path = tmp_path / "register.db"
    path.write_bytes(b"no database " * 1000)

    with pytest.raises(RegisterUnavailable, match="not a database"):
        SqliteRegister(path)


def test_a_file_from_before_there_were_turns_gets_them(tmp_path):
    path = tmp_path / "register.db"
    old = SqliteRegister(path)
    old._file.write(lambda file: file.execute("DROP TABLE turns"))
    old.close()

    register = SqliteRegister(path)
    run, _ = register.claim("rfm", date(2026, 1, 5), {}, force=False, requested_by="test", now=NOW)

    turn = register.take_turn(run.run_id, "x", at_once=1, lease=timedelta(1), patience=timedelta(0), now=NOW)
    assert turn.mine
    register.close()
