from datetime import date
from decimal import Decimal

from rfm.model import Edges, FittedModel
from rfm.read_rules import rules_named
from tests.rfm.given_customers import fitted

ROWS = [(n, n, Decimal(n) + Decimal("0.05")) for n in range(1, 11)]


def test_fitting_finds_the_edges_of_each_measure_in_its_own_unit():
    model = fitted(rules_named("quintile"), ROWS)
    assert model.edges.recency == (2, 4, 6, 8)
    assert model.edges.frequency == (2, 4, 6, 8)
    assert model.edges.monetary == (Decimal("2.05"), Decimal("4.05"), Decimal("6.05"), Decimal("8.05"))
    assert model.edges.whole("monetary") == [205, 405, 605, 805]
    assert model.customers == 10


def test_cut_points_are_edges_whatever_the_customers_are():
    assert fitted(rules_named("tercile"), ROWS).edges.frequency == (2, 5)
    assert fitted(rules_named("tercile"), ROWS[:1]).edges.frequency == (2, 5)


def test_the_same_rules_and_values_have_the_same_id_and_others_another():
    first = fitted(rules_named("quintile"), ROWS)
    assert fitted(rules_named("quintile"), ROWS).id == first.id
    assert first.id.startswith("quintile-2026-06-29-")
    assert fitted(rules_named("quintile"), ROWS[1:]).id != first.id
    assert first.model_copy(update={"fitted_on": date(2026, 6, 30)}).id != first.id
    relabelled = first.rules.model_copy(update={"description": "other"})
    assert first.model_copy(update={"rules": relabelled}).id != first.id


def test_a_model_survives_being_stored_as_json():
    model = fitted(rules_named("tercile"), ROWS)
    assert FittedModel.model_validate_json(model.model_dump_json()) == model
    assert Edges.model_validate_json(model.edges.model_dump_json()) == model.edges
    assert '"monetary":["4.05","7.05"]' in model.edges.model_dump_json()
