"""What only the register in Postgres promises: its tables are brought up to date, and a lost database is said."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from register import postgres_schema
from register.postgres import PostgresRegister
from register.register import RegisterUnavailable
from register.sqlite import SqliteRegister
from settings import Runs, Settings
from wiring import open_register

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
DAY = date(2026, 1, 5)


def claim(register, day=DAY):
    return register.claim("rfm", day, {}, force=False, requested_by="test", now=NOW)


@pytest.fixture
def url(postgres):
    return postgres.new_database()


@pytest.fixture
def open_(url):
    opened = []

    def open_(**options):
        opened.append(PostgresRegister(url, **options))
        return opened[-1]

    yield open_
    for register in opened:
        register.close()


def rows(url, query):
    with psycopg.connect(url) as database:
        return database.execute(query).fetchall()


# tables


def test_many_that_start_at_once_on_an_empty_database_make_its_tables_once(url, open_):
    with ThreadPoolExecutor(8) as pool:
        registers = list(pool.map(lambda _: open_(connections=1), range(8)))

    assert [claim(register)[1] for register in registers].count(True) == 1
    assert rows(url, "SELECT version FROM register.version") == [(len(postgres_schema.MIGRATIONS),)]


def test_a_user_who_owns_the_schema_and_may_make_none_is_enough(postgres, url):
    name = url.partition("@/")[2].partition("?")[0]
    role = f"owner_of_{name}"
    postgres.execute(f"CREATE ROLE {role} LOGIN", name)
    postgres.execute(f"CREATE SCHEMA register AUTHORIZATION {role}", name)

    register = PostgresRegister(url.replace("prefect@", f"{role}@"))

    assert claim(register)[1]
    register.close()


def test_tables_of_an_older_version_are_brought_up_to_date_with_what_they_hold(url, open_, monkeypatch):
    claimed, _ = claim(open_())
    newer = (*postgres_schema.MIGRATIONS, ("ALTER TABLE register.runs ADD COLUMN note text",))
    monkeypatch.setattr(postgres_schema, "MIGRATIONS", newer)

    again = open_()

    assert again.get(claimed.run_id) == claimed
    assert rows(url, "SELECT version, (SELECT note FROM register.runs) FROM register.version") == [(len(newer), None)]


def test_a_program_of_the_version_before_goes_on_while_a_newer_one_is_rolled_out(url, open_):
    claimed, _ = claim(open_())
    with psycopg.connect(url) as database:
        database.execute("UPDATE register.version SET version = version + 1")

    assert claim(open_()) == (claimed, False)


def test_a_migration_that_fails_leaves_the_tables_as_they_were(url, open_, monkeypatch):
    claimed, _ = claim(open_())
    broken = ("ALTER TABLE register.runs ADD COLUMN note text", "ALTER TABLE nothing ADD COLUMN note text")
    with monkeypatch.context() as patch:
        patch.setattr(postgres_schema, "MIGRATIONS", (*postgres_schema.MIGRATIONS, broken))
        with pytest.raises(RegisterUnavailable, match="nothing"):
            open_()

    assert open_().get(claimed.run_id) == claimed
    assert rows(url, "SELECT count(*) FROM information_schema.columns WHERE column_name = 'note'") == [(0,)]


# out of reach


def test_connections_that_broke_while_nobody_used_them_are_replaced_unnoticed(url, open_):
    register = open_()
    claimed, _ = claim(register)
    rows(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'register of runs'")

    assert register.get(claimed.run_id) == claimed


def test_a_database_that_is_down_is_unavailable_and_used_again_once_it_is_up(postgres, open_):
    register = open_(within=1)
    claimed, _ = claim(register)
    postgres.kill()
    try:
        began = time.monotonic()
        for act in (lambda: claim(register), register.list, lambda: register.mark_published(claimed.run_id)):
            with pytest.raises(RegisterUnavailable, match="register's database"):
                act()
        assert time.monotonic() - began < 10
        with pytest.raises(RegisterUnavailable, match="register's database"):
            open_()
    finally:
        postgres.start()

    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        try:
            assert claim(register) == (claimed, False)
            return
        except RegisterUnavailable:
            continue
    pytest.fail("the register did not come back")


def test_what_was_answered_before_the_database_was_killed_is_there_after_it(postgres, open_):
    register = open_(within=1)
    answered, enough = [], threading.Event()

    def claim_until_it_breaks(thread):
        for number in range(10_000):
            try:
                answered.append(claim(register, DAY + timedelta(days=8 * number + thread))[0].run_id)
            except RegisterUnavailable:
                return
            if len(answered) > 100:
                enough.set()

    with ThreadPoolExecutor(8) as pool:
        working = [pool.submit(claim_until_it_breaks, thread) for thread in range(8)]
        assert enough.wait(20)
        postgres.kill()
        for one in working:
            one.result()
    postgres.start()

    there = {run.run_id for run in open_().list(limit=100_000)}
    assert len(answered) == len(set(answered))
    assert set(answered) <= there


def test_who_holds_a_lock_for_ever_makes_nobody_else_wait_for_ever(url, open_):
    register = open_(within=0.5, connections=1)
    with psycopg.connect(url) as database:
        database.execute("LOCK TABLE register.runs")
        with ThreadPoolExecutor(2) as pool:
            both = [pool.submit(claim, register) for _ in range(2)]
            for one in both:
                with pytest.raises(RegisterUnavailable, match=r"timeout|no connection"):
                    one.result(timeout=10)

    assert claim(register)[1] is True


def test_a_password_stands_in_no_error():
    with pytest.raises(RegisterUnavailable, match="port 9") as refused:
        PostgresRegister("postgresql://invoker:hunter2@127.0.0.1:9/register")

    assert "hunter2" not in str(refused.value)


# chosen by a setting


def test_the_setting_chooses_the_register(url, tmp_path):
    in_a_file = Settings(runs=Runs(path=tmp_path / "register.db"))
    in_postgres = Settings(runs=Runs(url=url))

    for settings, expected in ((in_a_file, SqliteRegister), (in_postgres, PostgresRegister)):
        register = open_register(settings)
        assert isinstance(register, expected)
        register.close()


def test_a_url_of_something_else_is_refused_and_never_shown():
    with pytest.raises(ValueError, match="no postgresql:// URL") as refused:
        Runs(url="mysql://invoker:hunter2@host/register")

    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(Runs(url="postgresql://invoker:hunter2@host/register"))
