"""What MkDocs calls while it builds the site (mkdocs.yml)."""

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from deployments.site.links import with_code_named
from deployments.site.reference import PAGES


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are made from the code: they cannot differ from it."""
    for path, made in PAGES.items():
        files.append(File.generated(config, path, content=made()))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    return with_code_named(markdown, page.file.src_path)
