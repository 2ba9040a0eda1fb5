"""The task shows what dbt did, also when it failed, and answers with the ledger's facts."""

import logging
from datetime import date
from types import SimpleNamespace

import pytest

from tasks import build_features as module
from tests import messages
from workload.sql import Build, Node, SourceChanged, TestsFailed

REQUEST = messages.request(run_date=date(1998, 6, 30))


@pytest.fixture
def shown(monkeypatch):
    artifacts = []
    monkeypatch.setattr(module, "create_table_artifact", lambda **artifact: artifacts.append(artifact))
    monkeypatch.setattr(module, "get_run_logger", lambda: logging.getLogger("test"))
    return artifacts


def dbt_does(monkeypatch, node):
    build = Build(REQUEST.run_id, (node,), "", parse_seconds=0.1, build_seconds=0.8)
    monkeypatch.setattr("workload.features.build_features", lambda request, settings, flow_run_id, by: build)
    ledger_row = SimpleNamespace(facts={"customers": 2})
    rows = {"features": ledger_row}
    warehouse = SimpleNamespace(prepare=lambda: None, ledger_row=lambda run_id, step: rows.get(step))
    monkeypatch.setattr(module, "open_warehouse", lambda: warehouse)


def test_a_published_build_is_shown_and_answered_with_the_facts(monkeypatch, shown):
    dbt_does(monkeypatch, Node("rfm_features", "model", "success", 0.2, "OK"))
    assert module.build_features.fn(REQUEST) == {"customers": 2}
    assert shown[0]["table"][0]["node"] == "rfm_features"
    assert "1 nodes in 0.8 s" in shown[0]["description"]


def test_a_failed_build_is_shown_and_fails_the_step(monkeypatch, shown):
    dbt_does(monkeypatch, Node("not_null_customer", "test", "fail", 0.2, "Got 2 results"))
    with pytest.raises(TestsFailed, match="not_null_customer"):
        module.build_features.fn(REQUEST)
    assert shown[0]["table"][0]["status"] == "fail"


@pytest.mark.parametrize(("error", "again"), [(SourceChanged("x"), True), (TestsFailed("x"), False), (None, False)])
def test_only_what_may_pass_is_tried_again(error, again):
    state = SimpleNamespace(result=lambda raise_on_failure: error)
    assert module.may_pass(None, None, state) is again
