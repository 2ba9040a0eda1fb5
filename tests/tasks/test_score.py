"""The task scores as the settings say: the guards of the settings are those that stop it."""

from datetime import timedelta

import pytest

from settings import get_settings
from tasks.score import score_customers
from tests.warehouse.given_features import RUN_DATE, given_features, given_request, given_warehouse
from workload.guards import Guarded

CUSTOMERS = [(f"c{number}", number, 1, "1.00") for number in range(10)]


@pytest.fixture
def path(settings):
    given_warehouse(settings.warehouse.path)
    week_before = given_request(RUN_DATE - timedelta(days=7))
    given_features(settings.warehouse.path, CUSTOMERS, week_before)
    score_customers.fn(week_before)
    return settings.warehouse.path


@pytest.mark.parametrize(("allowed", "stopped"), [("0.1", True), ("0.2", False)])
def test_fewer_customers_than_the_setting_allows_stop_the_task(path, monkeypatch, allowed, stopped):
    monkeypatch.setenv("MODEL_MAX_DROP", allowed)
    get_settings.cache_clear()
    request = given_features(path, CUSTOMERS[:8])
    if stopped:
        with pytest.raises(Guarded, match="8 customers can be scored and 10 were"):
            score_customers.fn(request)
    else:
        assert score_customers.fn(request)["scored"] == 8


def test_the_window_of_the_settings_is_the_one_of_the_scores(path, monkeypatch):
    monkeypatch.setenv("MODEL_WINDOW_DAYS", "9")
    get_settings.cache_clear()
    facts = score_customers.fn(given_features(path, CUSTOMERS))
    assert (facts["window_days"], facts["scored"], facts["rejected_recency_out_of_window"]) == (9, 9, 1)
