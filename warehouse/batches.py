"""Batches of the size that was asked for: databases hand them out in sizes of their own."""

from collections.abc import Iterator

import pyarrow as pa


def in_size(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Joins small batches up to `rows` and cuts larger ones."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(one.num_rows for one in waiting) >= rows:
            *whole, rest = pa.Table.from_batches(waiting).combine_chunks().to_batches(max_chunksize=rows)
            yield from whole
            waiting = [rest]
    if waiting:
        yield from pa.Table.from_batches(waiting).combine_chunks().to_batches(max_chunksize=rows)
