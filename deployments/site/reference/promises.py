"""What is promised and where the limits are: the README says it, and the site repeats it."""

import re

from settings import PROJECT

SECTIONS = ("What is promised", "Limits")


def promises_page() -> str:
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", readme, re.MULTILINE | re.DOTALL))
    parts = [f"## {title}\n{_from_reference(sections[title])}" for title in SECTIONS]
    return "\n".join(["# Limits and promises\n", *parts])


def _from_reference(text: str) -> str:
    """Links of the README as they are meant from docs/reference/."""
    return re.sub(r"\]\((?!https?:)(?:docs/)?([^)]+)\)", lambda link: f"]({_up(link)})", text)


def _up(link: re.Match[str]) -> str:
    return f"../{link[1]}" if link[0].startswith("](docs/") else f"../../{link[1]}"
