"""python -m rfm score orders.csv --run-date 1998-06-30: scores and segments of one's own orders, the model alone."""

import argparse
import sys
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from errors import Permanent
from rfm.own_orders import Columns, OwnFeatures, read_features
from rfm.read_rules import read_rules, rules_named, shipped_names
from rfm.rule_set import RuleSet
from rfm.score_file import Summary, score_features


def main(arguments: list[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    try:
        rules = _rules(asked.rules, asked.window_days)
        features, summary = _score(asked, rules)
    except Permanent as failed:
        print(f"Failed: {failed}", file=sys.stderr)
        return 1
    except OSError as failed:
        print(f"Failed: {asked.output} cannot be written: {failed.strerror}", file=sys.stderr)
        return 1
    _show(features, summary, asked.output)
    return 0


def _score(asked: argparse.Namespace, rules: RuleSet) -> tuple[OwnFeatures, Summary]:
    columns = Columns(asked.customer_id, asked.order_date, asked.amount, asked.order_id or None)
    bar = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=Console(stderr=True))
    with bar:
        reading = bar.add_task("Orders", total=None)
        features = read_features(
            asked.orders, asked.run_date, window_days=asked.window_days, columns=columns, timezone=asked.timezone
        )
        bar.update(reading, total=features.lines, completed=features.lines)
        scoring = bar.add_task("Customers", total=features.table.num_rows)
        summary = score_features(
            features,
            asked.run_date,
            rules,
            asked.output,
            window_days=asked.window_days,
            progress=lambda done: bar.update(scoring, completed=done),
        )
        bar.update(scoring, total=summary.scored)
    return features, summary


def _rules(name_or_path: str, window_days: int) -> RuleSet:
    if name_or_path in shipped_names():
        return rules_named(name_or_path, window_days=window_days)
    return read_rules(Path(name_or_path), window_days=window_days)


def _show(features: OwnFeatures, summary: Summary, output: Path) -> None:
    console = Console()
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for name in ("Segment", "Customers", "Share"):
        table.add_column(name, justify="left" if name == "Segment" else "right")
    for name, customers in summary.segments.items():
        table.add_row(name, f"{customers:,}", f"{customers / summary.scored:.1%}")
    console.print(table)
    for what, counts in (("Lines not used", features.rejected), ("Customers not scored", summary.rejected)):
        if counts:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in counts.items())
            console.print(f"{what}: {reasons}", highlight=False, soft_wrap=True)
    console.print(f"Model   {summary.model.id}", highlight=False)
    console.print(f"Scores  {output}", highlight=False, soft_wrap=True, markup=False)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day; write it as 1998-06-30") from None


def _days(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: a whole number of days is needed, at least 1")
    return int(text)


def _output(text: str) -> Path:
    if Path(text).suffix.lower() not in (".csv", ".parquet"):
        raise argparse.ArgumentTypeError(f"{text!r} ends neither in .csv nor in .parquet")
    return Path(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rfm", description=__doc__)
    score = parser.add_subparsers(dest="command", required=True).add_parser(
        "score", help="scores and segments of every customer", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    score.add_argument("orders", type=Path, help="CSV or Parquet file of orders")
    score.add_argument("--run-date", type=_day, required=True, help="the day as of which customers are scored")
    score.add_argument("--output", type=_output, default=Path("scores.csv"), help=".csv or .parquet")
    score.add_argument("--rules", default="quintile", help="a rule set that ships, or the path of your own")
    score.add_argument("--window-days", type=_days, default=720, help="days up to the run date in which orders count")
    score.add_argument("--timezone", default="Australia/Sydney", help="says which day it is where a time has a zone")
    for name in ("order_id", "customer_id", "order_date", "amount"):
        more = "; empty: a line is an order" if name == "order_id" else ""
        score.add_argument(f"--{name.replace('_', '-')}", default=name, help=f"name of the column{more}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
