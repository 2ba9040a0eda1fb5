import shlex
from configparser import ConfigParser
from pathlib import Path

import pytest

from deployments.local.layout import Layout
from deployments.local.parts import parts_of, supervisor_config
from settings import Stack


@pytest.fixture
def config() -> ConfigParser:
    layout = Layout(Path("/a folder/with 100%/.stack"))
    parser = ConfigParser(interpolation=None)
    parser.read_string(supervisor_config(layout, parts_of(Stack(), layout)))
    return parser


def test_paths_with_spaces_and_percent_signs_survive(config):
    command = shlex.split(config["program:fork-server"]["command"].replace("%%", "%"))

    assert "sql-runner=/a folder/with 100%/.stack/sockets/fork-sql-runner" in command


def test_the_database_ends_last_and_the_workers_first(config):
    ranks = {
        program: int(section["priority"])
        for name, section in config.items()
        if name.startswith("group:")
        for program in section["programs"].split(",")
    }

    assert min(ranks, key=ranks.__getitem__) == "postgres"
    assert max(ranks, key=ranks.__getitem__) == "workers"
    assert ranks["prefect-server"] < ranks["invoker"]


@pytest.mark.parametrize("database", ["sqlite", "postgresql+asyncpg://db.example/prefect"])
def test_another_database_needs_no_postgres_of_ours(database):
    parts = parts_of(Stack(prefect_database=database), Layout(Path("/stack")))

    assert "postgres" not in {part.name for part in parts}


def test_the_stock_pool_needs_no_fork_server():
    parts = parts_of(Stack(process_start="stock"), Layout(Path("/stack")))

    assert "fork-server" not in {part.name for part in parts}
