"""The report as data: what `report.json` holds, and all that the page shows.

Shares are from 0 to 1, recency is in days, money in the one currency of the orders. No customer is in it.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, PlainSerializer

from rfm.rule_set import Measure

Money = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]
Share = float
Level = Literal["steady", "moved", "shifted"]


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Previous(Frozen):
    """The scored day before, when orders can count on both days."""

    run_date: date
    customers: int
    revenue: Money
    best_revenue_share: Share


class Headline(Frozen):
    """`best` are the two segments with the most revenue, the strongest first."""

    customers: int
    orders: int
    revenue: Money
    best: tuple[str, ...]
    best_customer_share: Share
    best_revenue_share: Share
    previous: Previous | None


class Segment(Frozen):
    """A segment of the rule set; `rule` says in words who is in it, `scores` the same in scores.

    Without customers its medians are None. `customers_before` is None when there is no day before.
    """

    name: str
    colour: str
    advice: str
    rule: str
    scores: str
    customers: int
    customers_before: int | None
    share: Share
    orders: int
    revenue: Money
    revenue_share: Share
    median_recency: float | None
    median_frequency: float | None
    median_monetary: Money | None


class Cell(Frozen):
    """The customers with these scores of recency and frequency, and the segments that this pair can have."""

    recency: int
    frequency: int
    segments: tuple[str, ...]
    customers: int
    revenue: Money
    median_monetary: Money | None


class Bar(Frozen):
    """Customers with a value of at least `low` and below `high`; None where there is no bound."""

    low: Money | None
    high: Money | None
    customers: int


class ScoreRange(Frozen):
    """Which values have this score, from `low` to `high`, both included. Nobody can have one with equal edges."""

    score: int
    possible: bool
    low: Money | None
    high: Money | None
    customers: int


class MeasureFigures(Frozen):
    """`found_by` says in words how the edges were found."""

    measure: Measure
    edges: tuple[Money, ...]
    value_on_edge: Literal["below", "above"]
    found_by: str
    scores: tuple[ScoreRange, ...]
    histogram: tuple[Bar, ...]


class MeasureDrift(Frozen):
    """Shares of the customers by score, the lowest score first, both by this run's edges."""

    measure: Measure
    psi: float
    level: Level
    then: tuple[Share, ...]
    now: tuple[Share, ...]


class Drift(Frozen):
    """How the customers have moved since the day the model was fitted, or since the day before when that is today."""

    since: date
    since_fit: bool
    moved_from: float
    shifted_from: float
    measures: tuple[MeasureDrift, ...]

    @property
    def worst(self) -> MeasureDrift:
        return max(self.measures, key=lambda one: one.psi)


class Move(Frozen):
    """None: was not scored on the day before, or is not any more."""

    before: str | None
    now: str | None
    customers: int


class DayTotals(Frozen):
    run_date: date
    segment: str
    customers: int
    revenue: Money


class Quality(Frozen):
    """What came in and what was left out, by reason. The first three are None when the run has not kept them."""

    lines_in: int | None
    lines_accepted: int | None
    lines_rejected: dict[str, int]
    customers_in: int
    scored: int
    customers_rejected: dict[str, int]
    warnings: str


class Provenance(Frozen):
    """Where the figures come from. On a day without customers there is no model."""

    run_id: str
    pipeline: str
    run_date: date
    attempt: int
    first_day: date
    window_days: int
    rules: str
    rules_description: str
    model_id: str | None
    fitted_on: date | None
    fitted_customers: int | None
    code_version: str
    committed_at: datetime


class Report(Frozen):
    """`trend` holds the last days up to this one, the oldest first; `moves` are since headline.previous."""

    version: Literal[1] = 1
    currency: str
    headline: Headline
    segments: tuple[Segment, ...]
    cells: tuple[Cell, ...]
    measures: tuple[MeasureFigures, ...]
    drift: Drift | None
    moves: tuple[Move, ...]
    trend: tuple[DayTotals, ...]
    quality: Quality
    provenance: Provenance
