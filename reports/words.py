"""Rules and figures in words and numbers as people write them."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from reports.data import MeasureFigures, ScoreRange
from rfm.model import FittedModel
from rfm.ranges import Values, values_of
from rfm.rule_set import MEASURES, Cell, Measure, MeasureRule, Segment

LETTER: dict[Measure, str] = {"recency": "R", "frequency": "F", "monetary": "M"}
FIFTHS = {2: "halves", 3: "thirds", 4: "quarters", 5: "fifths", 10: "tenths"}


Number = Decimal | float


def money(value: Number, currency: str = "") -> str:
    """Whole units from a thousand on, where nobody reads the cents."""
    amount = f"{value:,.0f}" if abs(float(value)) >= 1000 else f"{value:,.2f}"
    return f"{amount} {currency}".rstrip()


def short(value: Number) -> str:
    """For the inside of a chart: 1.3M, 24k, 380."""
    size = abs(float(value))
    if size >= 1_000_000:
        return f"{float(value) / 1_000_000:.3g}M"
    return f"{float(value) / 1000:.0f}k" if size >= 10_000 else f"{value:,.0f}"


def percent(share: float) -> str:
    """One decimal where it matters."""
    return f"{share:.0%}" if share >= 0.0995 or share == 0 else f"{share:.1%}"


def change(now: Number, before: Number) -> str:
    """As in `+4.2%`; an empty text when there is nothing to compare with."""
    if not before:
        return ""
    if now == before:
        return "unchanged"
    return signed(f"{(float(now) - float(before)) / abs(float(before)):+.1%}")


def signed(text: str) -> str:
    """With the minus sign that is as wide as a plus."""
    return text.replace("-", "\N{MINUS SIGN}")


def day(when: date) -> str:
    return f"{when.day} {when:%B %Y}"


def reason(name: str) -> str:
    return name.replace("_", " ")


def how_found(rule: MeasureRule) -> str:
    if rule.cut_points is not None:
        return f"fixed at {', '.join(f'{cut:f}' for cut in rule.cut_points)}"
    quantiles = rule.quantiles or ()
    even = all(abs(share * rule.bins - place) < Decimal("0.02") for place, share in enumerate(quantiles, start=1))
    if even and rule.bins in FIFTHS:
        return f"{FIFTHS[rule.bins]} of the customers"
    return f"at {', '.join(f'{share:.0%}' for share in quantiles)} of the customers"


def scores_in_words(segment: Segment) -> str:
    """As in `R 1-2, F 5`; every block of the map."""
    return " or ".join(_cell_scores(cell) for cell in segment.cells)


def rule_in_words(model: FittedModel, segment: Segment) -> str:
    """Who is in the segment, by this model's edges, as in `last purchase at most 64 days ago, 3 or more orders`."""
    cells = [_cell_words(model, cell) for cell in segment.cells]
    possible = [words for words in cells if words is not None]
    if not possible:
        return "nobody: two edges are equal, and no value lies between them"
    return ", or ".join(possible)


def _cell_scores(cell: Cell) -> str:
    ranges = [(LETTER[measure], getattr(cell, measure)) for measure in MEASURES]
    return ", ".join(
        f"{letter} {found[0]}" if found[0] == found[1] else f"{letter} {found[0]}-{found[1]}"
        for letter, found in ranges
        if found is not None
    )


def _cell_words(model: FittedModel, cell: Cell) -> str | None:
    words = []
    for measure in MEASURES:
        scores = model.rules.score_range(cell, measure)
        values = values_of(model, measure, scores)
        if values is None:
            return None
        if len(scores) < model.rules.rule(measure).bins:
            words.append(values_in_words(measure, values))
    return ", ".join(words) or "everybody"


def values_in_words(measure: Measure, values: Values) -> str:
    low, high = values
    if measure == "recency":
        return f"last purchase {_between(low or 0, high, lowest=0)} {_plural('day', high, low)} ago"
    if measure == "frequency":
        return f"{_between(low or 1, high, lowest=1)} {_plural('order', high, low)}"
    return f"spent {_amounts(low, high)}"


def value_in_words(figures: MeasureFigures, value: Decimal) -> str:
    return f"{value:,.2f}" if figures.measure == "monetary" else f"{value:,.0f}"


def score_in_words(figures: MeasureFigures, found: ScoreRange) -> str:
    """The values that have the score, as in `141 to 430`."""
    low, high = (None if value is None else value_in_words(figures, value) for value in (found.low, found.high))
    if not found.possible:
        return "nobody"
    if high is None:
        return f"{low} or more" if low else "any"
    if low is None:
        return f"up to {high}"
    return low if low == high else f"{low} to {high}"


def _between(low: int, high: int | None, *, lowest: int) -> str:
    if high is None:
        return f"{low} or more"
    if low == high:
        return str(low)
    return f"at most {high}" if low <= lowest else f"{low} to {high}"


def _amounts(low: int | None, high: int | None) -> str:
    """From whole cents."""
    if low is None and high is not None:
        return f"at most {high / 100:,.2f}"
    if high is None:
        return f"{(low or 0) / 100:,.2f} or more"
    return f"{(low or 0) / 100:,.2f} to {high / 100:,.2f}"


def _plural(word: str, high: int | None, low: int | None) -> str:
    return word if (high if high is not None else low) == 1 else f"{word}s"


def listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
