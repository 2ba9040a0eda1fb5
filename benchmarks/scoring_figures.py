"""What is measured of one way: each run as a process of its own."""

import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.scoring_orders import RUN_DATE
from settings import PROJECT

LIFETIMES = PROJECT / ".lifetimes" / "bin" / "python"


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds, and MiB at the peak. `whole` is from the start of the process to its end."""

    whole: float
    work: float
    parse: float
    peak: float
    parts: Mapping[str, float]


Ways = Mapping[str, Sequence[Figures]]
BySize = Mapping[int, Ways]


def run(name: str, given: Path, folder: Path, memory_limit: str) -> Figures:
    """`given` is the file of orders, or the warehouse with features; `folder` is empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    began = time.perf_counter()
    done = subprocess.run(
        _command(name, given, folder, memory_limit), cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True
    )
    whole = time.perf_counter() - began
    told = json.loads(done.stdout.splitlines()[-1])
    parse = told["parts"].pop("parse", 0.0)
    return Figures(whole, told["work"] - parse, parse, told["peak"], told["parts"])


def _command(name: str, given: Path, folder: Path, memory_limit: str) -> list[str]:
    if name == "lifetimes summary":
        script = PROJECT / "benchmarks" / "scoring_lifetimes.py"
        return [str(LIFETIMES), str(script), str(given), str(folder), str(RUN_DATE)]
    return [sys.executable, "-m", "benchmarks.scoring_contenders", name, str(given), str(folder), memory_limit]


def median(runs: Sequence[Figures], part: str) -> float:
    return float(statistics.median(getattr(one, part) for one in runs))


def median_parts(runs: Sequence[Figures]) -> dict[str, float]:
    names = list(dict.fromkeys(name for one in runs for name in one.parts))
    return {name: statistics.median(one.parts.get(name, 0.0) for one in runs) for name in names}
