"""The list of decisions, from the pages in docs/adr/."""

from settings import PROJECT

HEADER = "# Decisions\n\nOne page each: context, decision, what it costs, what was measured.\n"


def decisions_page() -> str:
    found = sorted((PROJECT / "docs" / "adr").glob("[0-9]*.md"))
    lines = [f"- [{path.read_text(encoding='utf-8').splitlines()[0].lstrip('# ')}]({path.name})" for path in found]
    return "\n".join([HEADER, *lines]) + "\n"
