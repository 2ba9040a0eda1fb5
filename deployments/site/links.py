"""Links from the documentation to files of the project outside of it: on the site they are named, not followed."""

import logging
import os
import re

from settings import PROJECT

DOCS = PROJECT / "docs"
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<path>\.\.?/[^)#\s]*)(?:#[^)]*)?\)")
log = logging.getLogger("mkdocs.plugins.links")


def with_code_named(markdown: str, src_path: str) -> str:
    """Links that leave docs/ become the path. A path that is not there is a warning, which fails a strict build."""

    def named(link: re.Match[str]) -> str:
        target = os.path.normpath(DOCS / os.path.dirname(src_path) / link["path"])  # noqa: PTH120
        relative = os.path.relpath(target, PROJECT)
        if relative.startswith("docs/"):
            return f"[{link['text']}]({link['path']}index.md)" if link["path"].endswith("/") else link[0]
        if not os.path.exists(target):  # noqa: PTH110
            log.warning("%s links to %s, which is not there", src_path, link["path"])
        text = link["text"].strip("`")
        return f"`{relative}`" if text.rstrip("/") in (relative, link["path"].rstrip("/")) else f"{text} (`{relative}`)"

    return LINK.sub(named, markdown)
