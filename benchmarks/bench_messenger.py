"""What the messengers cost: `make bench-messenger` prints it and writes it to benchmarks/results/."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks import messenger_embedded, messenger_pubsub
from benchmarks.machine import keep
from deployments.emulator import NOT_INSTALLED

EMBEDDED = (
    ("publish → handler between two processes, p50", "latency_p50_ms", "≤ 20 ms", "ms"),
    ("publish → handler between two processes, p99", "latency_p99_ms", "≤ 100 ms", "ms"),
    ("durable publishes, in batches of 100", "publishes_per_second_batches", "≥ 1,000/s", "/s"),
    ("durable publishes, one by one", "publishes_per_second", "", "/s"),
    ("durable publishes, 8 threads", "publishes_per_second_threads", "", "/s"),
    ("messages handled", "handled_per_second", "", "/s"),
    ("files with a backlog of 100,000 messages", "backlog_bytes", "", "MB"),
    ("files once they were handled", "left_bytes", "not growing", "MB"),
    ("processor while waiting for messages", "idle_percent_of_a_core", "", "%"),
)
PUBSUB = (
    ("publish → handled", "handled_per_second", "≥ 0.9", "/s"),
    ("publish alone", "published_per_second", "≥ 0.9", "/s"),
    ("publish → handler, p50", "latency_p50_ms", "≤ 1.1", "ms"),
    ("publish → handler, p99", "latency_p99_ms", "≤ 1.1", "ms"),
)


def shown(value: float, unit: str) -> str:
    if unit == "MB":
        return f"{value / 1e6:.1f} MB"
    if unit == "/s":
        return f"{value:,.0f}/s"
    return f"{value:.1f} {unit}"


def embedded_table(figures: Mapping[str, float]) -> str:
    rows = [f"| {what} | {shown(figures[name], unit)} | {goal} |" for what, name, goal, unit in EMBEDDED]
    return "\n".join(["| Embedded | Measured | To reach |", "|---|---|---|", *rows])


def pubsub_table(figures: Mapping[str, Mapping[str, float]] | None) -> str:
    if figures is None:
        return f"Pub/Sub was not measured: {NOT_INSTALLED}."
    ours, bare = figures["ours"], figures["bare"]
    rows = [
        f"| {what} | {shown(ours[name], unit)} | {shown(bare[name], unit)} | {ours[name] / bare[name]:.2f} | {goal} |"
        for what, name, goal, unit in PUBSUB
    ]
    return "\n".join(
        ["| Pub/Sub emulator | Ours | Bare Google client | Ours to bare | To reach |", "|---|---|---|---|---|", *rows]
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        embedded = messenger_embedded.measure(Path(folder))
        pubsub = messenger_pubsub.measure(Path(folder))
    keep("messenger", {"embedded": embedded, "pubsub": pubsub}, f"{embedded_table(embedded)}\n\n{pubsub_table(pubsub)}")


if __name__ == "__main__":
    main()
