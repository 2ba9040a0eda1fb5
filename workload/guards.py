"""Guards: what stops the step `scoring` before its commit because the customers look wrong as a whole.

A rejected row is a small loss, and is only counted. But a broken delivery can pass every rule row by row: so the
run stops when too much is rejected, when a reason appears that never should, or when customers are missing that
were there on the run_date before. The old scores stay, and a person decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from errors import Permanent
from messenger.contract import Scalar
from settings import Model
from warehouse.warehouse import ScoredDay

REJECTED = "rejected_"
"""What stands before a reason in the facts of the ledger."""


class Guarded(Permanent):
    """A guard has stopped the run; nothing was committed. Says what was seen and which setting allows it."""


@dataclass(frozen=True, slots=True)
class Guards:
    """Reasons that are a warning or stop the run, and shares from 0 to 1. Without any, nothing is stopped."""

    warn_on: frozenset[str] = frozenset()
    stop_on: frozenset[str] = frozenset()
    max_rejected: float = 1.0
    max_drop: float = 1.0


def guards_of(chosen: Model) -> Guards:
    return Guards(
        warn_on=frozenset(filter(None, chosen.warn_on.split(","))),
        stop_on=frozenset(filter(None, chosen.stop_on.split(","))),
        max_rejected=chosen.max_rejected,
        max_drop=chosen.max_drop,
    )


def comparable(before: ScoredDay | None, run_date: date, window_days: int) -> ScoredDay | None:
    """The scored day before, unless so long ago that no order can count on both days: then it says nothing.

    So the first run of one's own orders is not held against the demo's of 1998.
    """
    return before if before is not None and (run_date - before.run_date).days < window_days else None


def stop_or_warn(guards: Guards, run_id: str, facts: Mapping[str, Scalar], before: ScoredDay | None) -> dict[str, str]:
    """The warnings as a fact for the ledger, {} without any. `before` is the scored day before the run_date.

    Raises Guarded with everything that a guard has seen.
    """
    rejected = {
        name.removeprefix(REJECTED): int(str(count)) for name, count in facts.items() if name.startswith(REJECTED)
    }
    rows, scored, lost = (int(str(facts[name])) for name in ("rows_in", "scored", "rejected"))
    seen = [
        f"{_spell({reason: count})}, and MODEL_STOP_ON names this reason"
        for reason, count in rejected.items()
        if reason in guards.stop_on
    ]
    if lost > Decimal(str(guards.max_rejected)) * rows:
        seen.append(
            f"{lost} of {rows} feature rows are rejected ({_spell(rejected)}),"
            f" MODEL_MAX_REJECTED allows a share of {guards.max_rejected:g}"
        )
    if before is not None and scored < (1 - Decimal(str(guards.max_drop))) * before.customers:
        seen.append(
            f"{scored} customers can be scored and {before.customers} were on {before.run_date},"
            f" MODEL_MAX_DROP allows a share of {guards.max_drop:g} fewer"
        )
    if seen:
        raise Guarded(
            f"run {run_id} was stopped before its commit: {'; '.join(seen)}. The scores are as they were. Look at the"
            " orders; when they are right, change the setting and ask for a new attempt"
        )
    warned = {reason: count for reason, count in rejected.items() if reason in guards.warn_on}
    return {"warnings": _spell(warned)} if warned else {}


def _spell(rejected: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in sorted(rejected.items()))
