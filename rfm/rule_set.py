"""A rule set: how recency, frequency and monetary become scores, and scores become a segment.

It is what a marketer writes in a file (rfm/rules/, docs/rules.md) and what is stored with each fitted model.
A RuleSet that exists is right: every combination of scores has exactly one segment and every score can be given.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise, product
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator

Measure = Literal["recency", "frequency", "monetary"]
MEASURES: tuple[Measure, ...] = ("recency", "frequency", "monetary")
LOWEST: dict[str, int] = {"recency": 0, "frequency": 1}
"""The smallest value that a scored customer can have; monetary has none, refunds make it negative."""
MOST_BINS = 20
"""More is no longer a score that people can read, and the map is checked combination by combination."""

Place = tuple[str | int, ...]
"""Where in a rule set something stands: names and positions, as in ("segments", 2, "cells", 0)."""


class Problem(NamedTuple):
    place: Place
    text: str


class WrongMap(ValueError):
    """The parts of a rule set are fine, but do not fit together."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(problem.text for problem in problems))
        self.problems = problems


T = TypeVar("T", Decimal, int)


def _growing(values: tuple[T, ...]) -> tuple[T, ...]:
    for left, right in pairwise(values):
        if left >= right:
            raise ValueError(f"must grow from one to the next, but {left} is followed by {right}")
    return values


def _spell(scores: tuple[int, ...]) -> str:
    return ", ".join(f"{measure} {score}" for measure, score in zip(MEASURES, scores, strict=True))


def _read_range(value: Any) -> Any:
    """One score, as 4, or several, as 1-3."""
    if isinstance(value, int) and not isinstance(value, bool):
        return (value, value)
    if isinstance(value, str):
        if not re.fullmatch(r"\s*\d{1,3}\s*-\s*\d{1,3}\s*", value, re.ASCII):
            raise ValueError("scores are written as 4 or as 1-3")
        low, high = (int(part) for part in value.split("-"))
        return (low, high)
    return value


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Share = Annotated[Decimal, Field(gt=0, lt=1, max_digits=10)]
CutPoint = Annotated[Decimal, Field(max_digits=18, decimal_places=2)]
ScoreRange = Annotated[tuple[int, int], BeforeValidator(_read_range)]


class MeasureRule(Frozen):
    """How the values of one measure are cut into bins: n edges make n + 1 scores.

    The edges are either found in the data, at the given shares of the customers (DuckDB's quantile_disc), or
    fixed: days, orders, or money. `value_on_edge` says to which side a value belongs that equals an edge.
    """

    quantiles: tuple[Share, ...] | None = None
    cut_points: tuple[CutPoint, ...] | None = None
    value_on_edge: Literal["below", "above"]

    @model_validator(mode="after")
    def _one_kind_of_edges(self) -> Self:
        if (self.quantiles is None) == (self.cut_points is None):
            raise ValueError("needs either quantiles or cut_points, and not both")
        edges = _growing(self.quantiles or self.cut_points or ())
        if not 1 <= len(edges) < MOST_BINS:
            raise ValueError(f"needs 1 to {MOST_BINS - 1} edges")
        return self

    @property
    def bins(self) -> int:
        return len(self.quantiles or self.cut_points or ()) + 1


class Cell(Frozen):
    """A block of the map: all combinations of these scores. Without monetary, all scores of monetary."""

    recency: ScoreRange
    frequency: ScoreRange
    monetary: ScoreRange | None = None


class Segment(Frozen):
    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9 '_-]{0,39}$")
    advice: str = Field(min_length=1, max_length=200, pattern=r"^[^\n]+$", description="what to do, in one line")
    colour: str = Field(pattern=r"^#[0-9a-fA-F]{6}$")
    cells: tuple[Cell, ...] = Field(min_length=1)


class RuleSet(Frozen):
    """Segments stand in the order in which people are shown them."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")
    description: str = Field(min_length=1, max_length=500)
    recency: MeasureRule
    frequency: MeasureRule
    monetary: MeasureRule
    segments: tuple[Segment, ...] = Field(min_length=1, max_length=100)

    @model_validator(mode="after")
    def _fits_together(self, info: ValidationInfo) -> Self:
        window_days = (info.context or {}).get("window_days")
        problems = [*self._odd_cut_points(window_days), *self._doubled(), *self._unclear_scores()]
        if problems:
            raise WrongMap(problems)
        return self

    def rule(self, measure: Measure) -> MeasureRule:
        rule: MeasureRule = getattr(self, measure)
        return rule

    def score_range(self, cell: Cell, measure: Measure) -> range:
        low, high = getattr(cell, measure) or (1, self.rule(measure).bins)
        return range(low, high + 1)

    def _odd_cut_points(self, window_days: int | None) -> Iterator[Problem]:
        """Which days are in the window is a setting, and known where a run reads the rules (rfm/read_rules.py)."""
        for measure, lowest in LOWEST.items():
            rule: MeasureRule = getattr(self, measure)
            for position, cut in enumerate(rule.cut_points or ()):
                place = (measure, "cut_points", position)
                if cut != int(cut):
                    yield Problem(place, f"{measure} is counted in whole numbers, {cut} is none")
                elif cut < lowest or (cut == lowest and rule.value_on_edge == "above"):
                    yield Problem(place, f"no value of {measure} is below {cut}: one score could never be given")
                elif measure == "recency" and window_days and cut + (rule.value_on_edge == "below") >= window_days:
                    text = f"no value of recency is beyond {cut} in {window_days} days: one score could never be given"
                    yield Problem(place, text)

    def _doubled(self) -> Iterator[Problem]:
        for part in ("name", "colour"):
            seen: dict[str, str] = {}
            for position, segment in enumerate(self.segments):
                value = getattr(segment, part)
                if value.lower() in seen:
                    text = f"{part} {value} is taken by the segment {seen[value.lower()]!r}"
                    yield Problem(("segments", position, part), text)
                seen.setdefault(value.lower(), segment.name)

    def _unclear_scores(self) -> Iterator[Problem]:
        owner: dict[tuple[int, ...], str] = {}
        for position, segment in enumerate(self.segments):
            for number, cell in enumerate(segment.cells):
                place = ("segments", position, "cells", number)
                outside = list(self._outside(cell, place))
                yield from outside
                if outside:
                    return
                yield from self._claim(segment, cell, place, owner)
        missing = [
            scores
            for scores in product(*(range(1, self.rule(measure).bins + 1) for measure in MEASURES))
            if scores not in owner
        ]
        if missing:
            more = f", nor {len(missing) - 1} other combinations" if len(missing) > 1 else ""
            yield Problem(("segments",), f"no segment has {_spell(missing[0])}{more}")

    def _outside(self, cell: Cell, place: Place) -> Iterator[Problem]:
        for measure in MEASURES:
            scores, bins = self.score_range(cell, measure), self.rule(measure).bins
            if not scores or scores[0] < 1 or scores[-1] > bins:
                written = f"{scores.start}-{scores.stop - 1}"
                yield Problem((*place, measure), f"{measure} {written}: scores go from 1 to {bins}, the lower first")

    def _claim(
        self, segment: Segment, cell: Cell, place: Place, owner: dict[tuple[int, ...], str]
    ) -> Iterator[Problem]:
        """Gives the cell's scores to the segment; tells the first combination that another segment has."""
        for scores in product(*(self.score_range(cell, measure) for measure in MEASURES)):
            other = owner.setdefault(scores, segment.name)
            if other != segment.name:
                yield Problem(place, f"{_spell(scores)} is in both {other!r} and {segment.name!r}")
                return
