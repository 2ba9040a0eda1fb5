"""Which machine the figures are of, and where they are kept."""

import json
import os
import platform
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

RESULTS = Path(__file__).parent / "results"


def machine() -> Mapping[str, str | int | float]:
    return {
        "cores": os.cpu_count() or 0,
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "additions_seconds": round(_additions(), 2),
    }


def _additions() -> float:
    """Seconds of ten million additions in a Python loop, the quickest of three: machines of one name compare by it."""

    def once() -> float:
        began, total = time.perf_counter(), 0
        for number in range(10_000_000):
            total += number
        return time.perf_counter() - began

    return min(once() for _ in range(3))


def _processor() -> str:
    """The model's name where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def keep(name: str, figures: Mapping[str, Any], table: str) -> None:
    """Prints the table and writes it, with the raw figures and the machine, to benchmarks/results/."""
    described = machine()
    text = f"{table}\n\n{', '.join(f'{key} {value}' for key, value in described.items())}\n"
    print(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text(f"# {name}\n\nPrinted by `make bench-{name}`.\n\n{text}")
    content = {"measured_at": datetime.now(UTC).isoformat(), "machine": described, "figures": figures}
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")
