"""What dbt and the databases say when something fails, without what the data said."""

import re

SAYS_NO_VALUES = ("Catalog", "Binder", "Parser", "IO", "Out of Memory", "Permission", "Compilation")
"""Kinds of errors whose text speaks of the SQL and the machine, never of the data."""
BIGQUERY_SAYS_NO_VALUES = (
    *("Access Denied: ", "Not found: ", "Unrecognized name: ", "Syntax error: ", "No matching signature for "),
    *("Quota exceeded: ", "Exceeded rate limits: ", "Job exceeded rate limits: ", "Resources exceeded "),
    *("Query exceeded limit for bytes billed: ", "Required field ", "the run is closed"),
    *("Transaction is aborted due to concurrent ", "Could not serialize access "),
)
"""How such texts begin in BigQuery. What dbt calls a Database Error can be anything that BigQuery says."""


def without_values(message: str) -> str:
    """The message without what the data said: databases quote the value that they could not read."""
    broken_line = re.search(r"CSV Error on Line: (\d+)", message)
    if broken_line:
        return f"line {broken_line[1]} of the orders file is not as the CSV's first line says; mend or remove it"
    kind = re.search(r"(\w+(?: of Memory)?) Error", message.replace("Runtime Error", ""))
    said = re.search(r"Database Error[^\n]*\n\s*(?:Query error: )?(.*)", message)
    harmless = said is not None and said[1].startswith(BIGQUERY_SAYS_NO_VALUES)
    if kind is None or kind[1] in SAYS_NO_VALUES or harmless:
        return " ".join(message.split())[:400]
    if kind[1] == "Database":
        return (
            "Database Error; BigQuery's text can quote a customer's value and is left out: the page of the job has it"
        )
    return f"{kind[1]} Error"
