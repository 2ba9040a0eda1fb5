"""What every warehouse promises, whatever keeps the tables.

Features come in as Arrow batches, scores go out through staging and one transaction: a reader sees the old rows
of a run_date or the new ones, never half. The ledger row in that transaction is the truth about the step.
Money is in whole cents inside a batch, and a decimal everywhere else.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from errors import Permanent, Retryable

Measure = Literal["recency", "frequency", "monetary"]
Integers = npt.NDArray[np.int64]
Scalar = str | int | float | bool | None

FEATURES = pa.schema(
    {"customer_id": pa.string(), "recency": pa.int32(), "frequency": pa.int32(), "monetary_cents": pa.int64()}
)
SCORES = pa.schema(
    [
        *FEATURES,
        pa.field("r_score", pa.int8()),
        pa.field("f_score", pa.int8()),
        pa.field("m_score", pa.int8()),
        pa.field("segment", pa.dictionary(pa.int8(), pa.string())),
    ]
)
REJECTED = pa.schema([*FEATURES, pa.field("reason", pa.string())])
CURRENT = pa.schema(
    {
        "customer_id": pa.string(),
        "segment": pa.string(),
        "r_score": pa.int8(),
        "f_score": pa.int8(),
        "m_score": pa.int8(),
        "recency": pa.int32(),
        "frequency": pa.int32(),
        "monetary": pa.decimal128(18, 2),
    }
)
CHANGES = pa.schema({"customer_id": pa.string(), "from_segment": pa.string(), "to_segment": pa.string()})
"""A segment is null where the customer was not scored, or is not any more."""


class WarehouseBusy(Retryable):
    """Another process holds the warehouse and did not let go in time; nothing was read or written."""


class WarehouseOutOfRoom(Retryable):
    """No memory or disk left; nothing was committed."""


class WarehouseUnusable(Permanent):
    """The warehouse is missing, damaged, not prepared, or may not be opened; a person has to look at it."""


class FeaturesMissing(Permanent):
    """There are no features to score, or their columns are not those that were agreed on."""


class ScoresRefused(Permanent):
    """What was staged does not add up with the features; nothing was committed."""


class RunClosed(Permanent):
    """The run was cancelled or given up: nothing of it is committed any more."""


CLOSED = "closed"
"""The step of the ledger row that closes a run; its fact `reason` says why."""
PUBLISHED = "published"
"""The step of the ledger row that says that the files for readers are those of the run."""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One committed step. `facts` are counts and totals; `committed_at` knows its time zone."""

    run_id: str
    pipeline: str
    step: str
    run_date: date
    attempt: int
    flow_run_id: str
    facts: Mapping[str, Scalar]
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A fitted rule set. `edges` and `definition` (the whole rule set) are JSON."""

    model_id: str
    rules: str
    edges: str
    definition: str
    fitted_on: date
    customers: int
    run_id: str


@dataclass(frozen=True, slots=True)
class FeatureTotals:
    """The features of a run_date; `foreign_rows` were written by another run than the one asked about."""

    rows: int
    customers: int
    monetary: Decimal
    foreign_rows: int


@dataclass(frozen=True, slots=True)
class ScoreTotals:
    """Scored and rejected rows of a run_date. Customers, orders and monetary are of both together."""

    scored: int
    rejected: int
    customers: int
    orders: int
    monetary: Decimal
    foreign_rows: int


ROWS_OF: Mapping[str, tuple[str, ...]] = {"features": ("rfm_features",), "scoring": ("rfm_scores", "rfm_rejected")}
"""The tables whose rows a step replaces for its run_date."""


@dataclass(frozen=True, slots=True)
class DateRows:
    """How many rows a run_date has, and the run that committed it last by the ledger, None without any.

    `written_by`: the first and the last of the run_ids that the rows themselves bear, None without rows.
    """

    rows: int
    run_id: str | None
    written_by: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Abandoned:
    """A staging folder or table by its name, and when it was last written; `since` knows its time zone."""

    name: str
    since: datetime


@dataclass(frozen=True, slots=True)
class ScoredDay:
    """A run_date that has scores, and of how many customers."""

    run_date: date
    customers: int


@dataclass(frozen=True, slots=True)
class SegmentSummary:
    """One segment of a run_date. `share` is of the scored customers, 0 to 1; recency in days."""

    segment: str
    customers: int
    share: float
    orders: int
    revenue: Decimal
    median_recency: float
    median_frequency: float
    median_monetary: Decimal


@dataclass(frozen=True, slots=True)
class SegmentTotals:
    """Customers of one segment on one run_date, and the sum of their monetary."""

    run_date: date
    segment: str
    customers: int
    revenue: Decimal


@dataclass(frozen=True, slots=True)
class SegmentMove:
    """How many customers were in which segment on the day before and are in which one now; None: not scored."""

    before: str | None
    now: str | None
    customers: int


@dataclass(frozen=True, slots=True)
class ScoreCell:
    """The customers with these scores of recency and frequency, whatever that of monetary."""

    r_score: int
    f_score: int
    customers: int
    revenue: Decimal
    median_monetary: Decimal


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """What stands of one customer and run_date in rfm_scores or rfm_rejected.

    Without a `reason` all of it is there; a rejected row has a reason, no scores, and perhaps no values.
    """

    run_id: str
    recency: int | None
    frequency: int | None
    monetary: Decimal | None
    scores: tuple[int, int, int] | None
    segment: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Order:
    """One valid order, as it stood on the day that was asked about."""

    order_id: str
    order_date: date
    amount: Decimal


@dataclass(frozen=True, slots=True)
class ChangedFeatures:
    """A run_date whose features would come out otherwise now: of how many customers, and of how many in all."""

    run_date: date
    changed: int
    customers: int


class Features(Protocol):
    """The features of one run_date, as they stood when the reading began."""

    rows: int
    foreign_rows: int
    """Rows that another run has written."""
    scorable: int
    """Rows with a customer, a recency in the window, a positive frequency and an amount."""

    def count_values(
        self, measure: Measure, *, width: int = 1, within: Sequence[int] | None = None
    ) -> tuple[Integers, Integers]:
        """Counts the scorable values of a measure; monetary in cents.

        A bucket holds neighbouring values, about `width` of them; its number grows with the values. Returns the
        buckets in growing order and how many values each holds; with `within`, the single values in these
        buckets and how often each occurs.
        """

    def batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        """All rows (FEATURES), about `rows` at a time, in no order; nothing else is asked meanwhile."""


class Staging(Protocol):
    """Parquet files in which scored batches wait for the commit; nobody reads them before."""

    scores: Path
    rejected: Path

    def add_scores(self, batch: pa.RecordBatch) -> None:
        """Takes SCORES."""

    def add_rejected(self, batch: pa.RecordBatch) -> None:
        """Takes REJECTED."""

    def finish(self) -> None:
        """Both files are complete; nothing can be added any more."""


class Warehouse(Protocol):
    """Every method may raise WarehouseBusy, WarehouseOutOfRoom and WarehouseUnusable."""

    def prepare(self) -> None:
        """Makes the tables that the Workload's Python app owns, unless they are there.

        Tables of an older layout are left as they are, and WarehouseUnusable says what differs.
        """

    def reading(self, run_date: date, *, run_id: str, window_days: int) -> AbstractContextManager[Features]:
        """`run_id` is the run that wrote the features. Raises FeaturesMissing."""

    def staging(self, run_id: str) -> AbstractContextManager[Staging]:
        """Removed at the end; what a killed process left is removed when the next one starts."""

    def abandoned_staging(self) -> Sequence[Abandoned]:
        """What killed processes have left and no process works on."""

    def remove_staging(self, name: str) -> None:
        """Removes what is abandoned under this name; nothing happens when it is not, or is gone."""

    def replace_scores(
        self,
        staged: Staging,
        ledger: LedgerRow,
        *,
        features_run: str,
        model_id: str | None,
        fitted: StoredModel | None,
    ) -> None:
        """Commits what is staged in the place of all rows of the run_date, with ledger row and fitted model.

        Before the commit, over all rows: the features are still those of `features_run`, each customer is scored
        or rejected once, and sums are equal. Raises ScoresRefused, and RunClosed: both in the same transaction.
        """

    def close_run(self, closing: LedgerRow) -> None:
        """Writes the row of the step CLOSED. Once this returns no step of the run commits, whatever of it still
        runs; what it committed before stays. Doing it again changes nothing.
        """

    def note_published(self, published: LedgerRow) -> None:
        """Writes the row of the step PUBLISHED, in the place of one that is there. Raises RunClosed."""

    def rows_by_date(self, step: str) -> Mapping[date, DateRows]:
        """The rows that the step's tables hold of each run_date: rfm_features for the step `features`, rfm_scores
        and rfm_rejected together for `scoring`. Empty when there are no tables yet, and for the step of another
        pipeline, whose own check looks at its tables.
        """

    def find_model(self, model_id: str) -> StoredModel | None: ...

    def latest_model(self, rules: str, *, before: date) -> StoredModel | None:
        """The last one fitted on a day before `before`."""

    def ledger_row(self, run_id: str, step: str) -> LedgerRow | None: ...

    def feature_totals(self, run_date: date, run_id: str) -> FeatureTotals: ...

    def score_totals(self, run_date: date, run_id: str) -> ScoreTotals: ...

    def scored_before(self, run_date: date) -> ScoredDay | None:
        """The last day with scores before the run_date; None when there is none."""

    def scored_days(self) -> Sequence[LedgerRow]:
        """The last row of the step scoring of each run_date, in the order of the dates."""

    def customer_row(self, customer_id: str, run_date: date) -> CustomerRow | None: ...

    def orders_of(self, customer_id: str, run_date: date, *, window_days: int) -> Sequence[Order]:
        """The customer's orders in the window, the latest first, by the orders file as it is now."""

    def changed_features(self, days: Mapping[date, int]) -> Sequence[ChangedFeatures]:
        """The run_dates whose scored and rejected values are not those that the orders file gives now.

        `days` are run_dates and how many days their windows have; those that did not change are left out.
        """

    def current_segments(self, run_date: date, rows: int) -> AbstractContextManager[Iterator[pa.RecordBatch]]:
        """CURRENT, by customer, about `rows` at a time."""

    def segment_changes(
        self, run_date: date, before: date | None, rows: int
    ) -> AbstractContextManager[Iterator[pa.RecordBatch]]:
        """CHANGES, by customer: who is in another segment than on the day before, came, or is gone."""

    def segment_summary(self, run_date: date) -> Sequence[SegmentSummary]:
        """The segments that have customers, in no order."""

    def segment_totals(self, run_dates: Sequence[date]) -> Sequence[SegmentTotals]:
        """The segments that have customers on these days, in the order of the days."""

    def segment_moves(self, run_date: date, before: date) -> Sequence[SegmentMove]:
        """Everybody who was scored on either day, also those who stayed where they were."""

    def score_cells(self, run_date: date) -> Sequence[ScoreCell]:
        """The pairs of scores that have customers, by recency and frequency."""

    def counts_up_to(
        self, run_date: date, cuts: Mapping[Measure, Sequence[Decimal]]
    ) -> Mapping[Measure, Sequence[int]]:
        """For each cut, how many scored customers have at most that value: days, orders, money.

        The cuts of a measure grow, and have at most two decimals.
        """

    def export_scores(self, run_date: date, path: Path) -> int:
        """Writes the scores of the run_date to a Parquet file, by customer; returns the number of rows."""

    def rejected(self, run_date: date, rows: int) -> AbstractContextManager[Iterator[pa.RecordBatch]]:
        """The run_date's rejected rows that have a customer (REJECTED), by customer, about `rows` at a time."""
