"""Prefect puts the folder of a flow's file first on the path: a module of ours by the same name would be hidden."""

from settings import PROJECT


def test_no_flow_file_hides_a_module_of_the_project():
    flows = {path.stem for path in (PROJECT / "flows").glob("*.py")} - {"__init__"}
    modules = {path.stem for path in PROJECT.glob("*.py")} | {
        path.parent.name for path in PROJECT.glob("*/__init__.py")
    }

    assert flows & modules == set()
