"""The reference: one page for each thing that can be looked up, made from where it is defined."""

from collections.abc import Callable, Mapping

from deployments.site.reference.api import api_page
from deployments.site.reference.commands import commands_page
from deployments.site.reference.decisions import decisions_page
from deployments.site.reference.messages import messages_page
from deployments.site.reference.promises import promises_page
from deployments.site.reference.settings import settings_page
from deployments.site.reference.tables import tables_page

PAGES: Mapping[str, Callable[[], str]] = {
    "reference/settings.md": settings_page,
    "reference/messages.md": messages_page,
    "reference/api.md": api_page,
    "reference/tables.md": tables_page,
    "reference/commands.md": commands_page,
    "reference/promises.md": promises_page,
    "adr/index.md": decisions_page,
}
"""By where the page stands in the site."""
