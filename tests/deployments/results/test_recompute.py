from datetime import date
from types import SimpleNamespace

import pytest
from rich.console import Console

from deployments.results import recompute as module
from deployments.results.recompute import StackDown, recompute
from settings import Settings, Source, Stack
from warehouse.warehouse import ChangedFeatures
from workload.recompute import Touched

TOUCHED = Touched([ChangedFeatures(date(2026, 6, 29), 2, 5)], [date(2026, 6, 22)])


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "touched_dates", lambda warehouse, orders: TOUCHED)
    (tmp_path / "orders.csv").write_text("orders")
    return Settings(stack=Stack(path=tmp_path), source=Source(path=tmp_path / "orders.csv"))


def test_with_run_every_touched_date_is_asked_for_anew_through_the_invoker(settings, monkeypatch, capsys):
    asked = []

    def ask(invoker, run_date, *, force):
        asked.append((invoker, run_date, force))
        return SimpleNamespace(run_id=f"rfm-{run_date}-2"), True

    monkeypatch.setattr(module, "ask", ask)
    monkeypatch.setattr(module, "read_record", lambda path: SimpleNamespace(invoker="http://127.0.0.1:9"))
    recompute(settings, None, Console(), run=True)
    assert asked == [("http://127.0.0.1:9", "2026-06-22", True), ("http://127.0.0.1:9", "2026-06-29", True)]
    assert "asked for rfm-2026-06-29-2" in capsys.readouterr().out


def test_without_a_stack_nothing_is_asked_for(settings):
    with pytest.raises(StackDown, match="make up"):
        recompute(settings, None, Console(), run=True)


def test_without_run_nothing_is_asked_for(settings, monkeypatch, capsys):
    monkeypatch.setattr(module, "ask", lambda *args, **more: pytest.fail("asked"))
    recompute(settings, None, Console(), run=False)
    said = capsys.readouterr().out
    assert "2026-06-22   scored by an older version" in said
    assert "FORCE=1 RUN_DATE=2026-06-22 make run" in said
