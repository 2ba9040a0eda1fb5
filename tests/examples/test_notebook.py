"""The notebook does what it shows: executed anew it has the same outputs, and they are those of the command."""

import copy
import re
from itertools import groupby

import nbformat
import pytest
from nbclient import NotebookClient

from rfm.__main__ import main
from settings import PROJECT

EXAMPLES = PROJECT / "examples"


@pytest.fixture(scope="module")
def shown():
    return nbformat.read(EXAMPLES / "own_orders.ipynb", as_version=4)


def outputs(notebook):
    """The text of each cell's outputs, by what the cell begins with; what is printed may come in several pieces."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [(cell.source.splitlines()[0], list(texts(cell.outputs))) for cell in cells]


def texts(shown):
    for printed, together in groupby(shown, key=lambda one: one.output_type == "stream"):
        if printed:
            yield "".join(one.text for one in together)
        else:
            yield from (one.data["text/plain"] for one in together)


def test_executed_anew_it_has_the_outputs_that_it_shows(shown):
    executed = copy.deepcopy(shown)
    NotebookClient(executed, timeout=120, kernel_name="python3", resources={"metadata": {"path": EXAMPLES}}).execute()

    assert outputs(executed) == outputs(shown)


def test_its_segments_are_those_of_the_command(shown, tmp_path, capsys):
    main(["score", str(EXAMPLES / "orders.csv"), "--run-date", "2026-06-30", "--output", str(tmp_path / "scores.csv")])

    counted = re.findall(r"^([a-z' ]+?)\s{2,}(\d+)\s+[\d.]+%", capsys.readouterr().out, re.MULTILINE)
    table = dict(outputs(shown))['segments = scored.groupby("segment", observed=True).agg('][0]
    assert len(counted) == 10
    for segment, customers in counted:
        assert re.search(rf"^{segment}\s+{customers}\s", table, re.MULTILINE), (segment, customers)
