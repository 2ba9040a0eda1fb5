"""The file under the embedded messenger and the register: parts of one transaction, each whole or not at all."""

import threading

import pytest

from sqlite_file import SqliteFile


class Unavailable(Exception):
    pass


@pytest.fixture
def file(tmp_path):
    schema = ("CREATE TABLE IF NOT EXISTS t (a INTEGER NOT NULL UNIQUE)",)
    file = SqliteFile(tmp_path / "test.db", schema, version=1, unavailable=Unavailable, lock_wait=0.2)
    yield file
    file.close()


def insert(value):
    return lambda connection: connection.execute("INSERT INTO t VALUES (?)", (value,))


def values(file):
    return [value for (value,) in file.read("SELECT a FROM t ORDER BY a")]


def test_a_write_returns_what_its_work_returned(file):
    assert file.write(lambda connection: connection.execute("SELECT 7").fetchone()) == (7,)


def test_an_error_of_the_work_undoes_the_work_and_is_raised(file):
    def fail(connection):
        insert(1)(connection)
        raise KeyError("no such thing")

    with pytest.raises(KeyError, match="no such thing"):
        file.write(fail)

    assert values(file) == []


def together(file, works):
    """The works as threads would bring them while the file is busy: they share a transaction."""
    results = [None] * len(works)

    def run(number):
        try:
            results[number] = file.write(works[number])
        except (Exception, SystemExit) as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(works))]
    with file._lock:
        for thread in threads:
            thread.start()
        while len(file._writes) < len(works):
            pass
    for thread in threads:
        thread.join()
    return results


def test_writes_of_several_threads_share_a_transaction(file):
    _, commits = file.version()

    together(file, [insert(number) for number in range(10)])

    assert values(file) == list(range(10))
    assert file.version()[1] == commits + 1


def test_an_error_of_one_part_leaves_the_others_whole(file):
    def fail(connection):
        insert(100)(connection)
        raise KeyError("only me")

    results = together(file, [insert(0), fail, insert(1)])

    assert isinstance(results[1], KeyError)
    assert values(file) == [0, 1]


def test_an_error_of_the_file_undoes_every_part_and_tells_everyone(file):
    insert_twice = insert(5)
    file.write(insert_twice)

    results = together(file, [insert(0), insert_twice, insert(1)])

    assert [type(result) for result in results] == [Unavailable] * 3
    assert values(file) == [5]


def test_an_interrupted_write_never_looks_done(file):
    def interrupt(connection):
        insert(1)(connection)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        file.write(interrupt)

    assert values(file) == []
    file.write(insert(2))
    assert values(file) == [2]


def test_whoever_comes_during_a_commit_is_written_by_the_next(file):
    begun, go_on = threading.Event(), threading.Event()

    def wait(connection):
        insert(0)(connection)
        begun.set()
        assert go_on.wait(10)

    first = threading.Thread(target=file.write, args=(wait,))
    first.start()
    assert begun.wait(10)
    later = [threading.Thread(target=file.write, args=(insert(number),)) for number in range(1, 9)]
    for thread in later:
        thread.start()
    while len(file._writes) < len(later):
        pass
    go_on.set()
    for thread in [first, *later]:
        thread.join(10)

    assert values(file) == list(range(9))


def test_many_threads_that_write_all_the_time_are_all_served(file):
    def write(thread):
        for number in range(50):
            file.write(insert(1000 * thread + number), durable=False)

    threads = [threading.Thread(target=write, args=(thread,), daemon=True) for thread in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert not any(thread.is_alive() for thread in threads)
    assert len(values(file)) == 16 * 50


def test_who_shares_an_interrupted_transaction_is_told_so(file):
    def interrupt(_):
        raise SystemExit

    results = together(file, [insert(0), interrupt, insert(1)])

    # the thread that leads is the one that is interrupted
    assert sorted(type(result).__name__ for result in results) == ["SystemExit", "Unavailable", "Unavailable"]
    assert values(file) == []
    file.write(insert(2))


def test_the_version_changes_with_commits_here_and_elsewhere(file, tmp_path):
    other = SqliteFile(tmp_path / "test.db", (), version=1, unavailable=Unavailable)
    seen = [file.version(), file.version()]
    file.write(insert(1))
    seen.append(file.version())
    other.write(insert(2))
    seen.append(file.version())
    other.close()

    assert seen[0] == seen[1] != seen[2] != seen[3] != seen[1]


def test_a_durable_write_syncs_and_a_relaxed_one_does_not(file):
    file.write(insert(1), durable=True)
    assert file.read("PRAGMA synchronous") == [(2,)]

    file.write(insert(2), durable=False)
    assert file.read("PRAGMA synchronous") == [(1,)]


def test_a_relaxed_write_beside_a_durable_one_is_synced_with_it(file):
    file.write(insert(1), durable=False)
    with file._lock:
        thread = threading.Thread(target=file.write, args=(insert(2),), kwargs={"durable": True})
        thread.start()
        while not file._writes:
            pass
        second = threading.Thread(target=file.write, args=(insert(3),), kwargs={"durable": False})
        second.start()
        while len(file._writes) < 2:
            pass
    thread.join()
    second.join()

    assert file.read("PRAGMA synchronous") == [(2,)]
