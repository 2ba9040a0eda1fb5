"""CSV is opened in spreadsheets, and what customers have typed would be executed there."""

import pyarrow as pa
import pyarrow.compute as pc

EXECUTED = r"^[=+\-@\t\r\n]"
"""A spreadsheet takes a cell that begins so for a formula (OWASP, CSV injection)."""


def without_formulas(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Text that a spreadsheet would execute gets an apostrophe before it, which spreadsheets do not show."""
    columns = [_harmless(column) if pa.types.is_string(column.type) else column for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _harmless(text: pa.Array) -> pa.Array:
    executed = pc.match_substring_regex(text, EXECUTED)
    return pc.if_else(executed, pc.binary_join_element_wise("'", text, ""), text)
