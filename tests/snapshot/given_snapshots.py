"""Snapshots of a few customers, as a run would publish them, without a warehouse."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

from rfm.model import FittedModel
from rfm.read_rules import rules_named
from rfm.rule_set import RuleSet
from snapshot.layout import About, SegmentFigures, snapshot_name, snapshots_folder
from snapshot.write import write_snapshot
from tests.rfm.given_customers import fitted, scored

RUN_DATE = date(1998, 6, 30)
WINDOW = 720
CUSTOMERS: dict[str, tuple[int, int, str]] = {f"c{n:02}": (3 * n, 1 + n % 6, f"{7 * n}.25") for n in range(30)}
"""customer_id: recency, frequency, monetary."""
FIRST_PAGE = 4096
"""Bytes: which tables a file has, and nothing of what is in them."""


def given_snapshot(
    published: Path,
    customers: dict[str, tuple[int, int, str]] = CUSTOMERS,
    *,
    run_date: date = RUN_DATE,
    rejected: dict[str, str] | None = None,
    attempt: int = 1,
    rules: RuleSet | None = None,
) -> FittedModel | None:
    """Puts the file in its place as the Workload does; returns the model that has scored the customers."""
    rules = rules or rules_named("quintile")
    values = [(recency, frequency, Decimal(money)) for recency, frequency, money in customers.values()]
    model = fitted(rules, values) if values else None
    scores, names = scored(model, values) if model else ([], [])
    positions = {segment.name: place for place, segment in enumerate(rules.segments)}
    rows = [
        (customer_id, recency, frequency, int(money * 100), *its_scores, positions[segment], None)
        for customer_id, (recency, frequency, money), its_scores, segment in zip(
            customers, values, scores, names, strict=True
        )
    ]
    rows += [
        (customer_id, None, 0, 0, None, None, None, None, reason) for customer_id, reason in (rejected or {}).items()
    ]
    about = About(
        run_id=f"rfm-{run_date}-{attempt}",
        run_date=run_date,
        window_days=WINDOW,
        model_id=model.id if model else None,
        model=model,
        scored=len(values),
        rejected=len(rejected or {}),
        segments=_figures(rules, names),
    )
    folder = snapshots_folder(published, "rfm")
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f".{snapshot_name(run_date)}.new"
    write_snapshot(beside, about, rows)
    beside.replace(folder / snapshot_name(run_date))
    return model


def _figures(rules: RuleSet, names: Sequence[str]) -> list[SegmentFigures]:
    """Only the numbers of customers are those of the customers."""
    return [
        SegmentFigures(
            segment=one.name,
            customers=names.count(one.name),
            share=names.count(one.name) / len(names),
            orders=2,
            revenue=20.5,
            median_recency=9.5,
            median_frequency=2,
            median_monetary=10.25,
            colour=one.colour,
            advice=one.advice,
        )
        for one in rules.segments
        if one.name in names
    ]
