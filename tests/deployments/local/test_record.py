import os
import subprocess

import pytest

from deployments.local.record import Process, Record, changed_settings, marks_of, read_record
from settings import Settings


def record_of(process: Process, settings: Settings, folder) -> Record:
    return Record(
        supervisor=process,
        owner=None,
        ready=True,
        prefect_ui="http://127.0.0.1:1",
        prefect_api="http://127.0.0.1:1/api",
        invoker="http://127.0.0.1:2",
        logs=folder,
        settings=marks_of(settings),
    )


def test_what_was_written_is_read_while_the_supervisor_lives(tmp_path):
    record = record_of(Process.of(os.getpid()), Settings(), tmp_path)

    record.write(tmp_path / "stack.json")

    assert read_record(tmp_path / "stack.json") == record
    assert [path.name for path in tmp_path.iterdir()] == ["stack.json"]


def test_the_record_of_a_dead_supervisor_counts_for_nothing(tmp_path):
    with subprocess.Popen(["sleep", "60"]) as process:
        record = record_of(Process.of(process.pid), Settings(), tmp_path)
        process.kill()
    record.write(tmp_path / "stack.json")

    assert read_record(tmp_path / "stack.json") is None


def test_another_process_with_the_same_number_is_not_taken_for_it():
    mine = Process.of(os.getpid())

    assert mine.find() is not None
    assert mine.model_copy(update={"started": mine.started - 3600}).find() is None


@pytest.mark.parametrize("content", ["", "{", '{"supervisor": 1}'])
def test_a_broken_record_counts_for_nothing(tmp_path, content):
    (tmp_path / "stack.json").write_text(content)

    assert read_record(tmp_path / "stack.json") is None


def test_changed_settings_are_named_and_their_values_never_written(tmp_path):
    before = Settings.model_validate({"stack": {"prefect_database": "postgresql+asyncpg://me:secret@db/prefect"}})
    after = Settings.model_validate({"model": {"window_days": 30}, "prefect": {"api_url": "http://elsewhere/api"}})

    record = record_of(Process.of(os.getpid()), before, tmp_path)

    assert "secret" not in record.model_dump_json()
    assert changed_settings(record, before) == []
    assert changed_settings(record, after) == ["MODEL_WINDOW_DAYS", "STACK_PREFECT_DATABASE"]


def test_a_secret_that_was_changed_is_noticed_and_not_told(monkeypatch):
    def marks(address):
        monkeypatch.setenv("ALERTS_URLS", address)
        return marks_of(Settings())["ALERTS_URLS"]

    assert marks("json://one") != marks("json://two")
    assert "one" not in marks("json://one")
