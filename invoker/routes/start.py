"""GET /: the start page, for people. It has nothing of anybody in it: what it shows it asks for itself."""

from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Response
from fastapi import Path as InPath

router = APIRouter(tags=["start page"])

FILES = {path.name: path.read_bytes() for path in (Path(__file__).parents[1] / "page").iterdir()}
MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}


@router.get("/", response_class=Response, responses={HTTPStatus.OK: {"content": {"text/html": {}}}})
async def start_page() -> Response:
    """Runs and how they go, segments, reports, and one customer."""
    return _file("start.html")


@router.get("/page/{name}", include_in_schema=False)
async def part_of_the_page(name: Annotated[Literal["start.css", "start.js", "icon.svg"], InPath()]) -> Response:
    return _file(name)


def _file(name: str) -> Response:
    return Response(FILES[name], media_type=MEDIA_TYPES[Path(name).suffix], headers=HEADERS)
