"""Many requests over many connections, without a client library that would be slower than the invoker."""

import asyncio
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Asked:
    """`seconds` from when the request was due to the last byte of its answer."""

    status: int
    answer: dict[str, Any]
    seconds: float


def ask(port: int, days: Iterable[str], *, connections: int, per_second: float | None = None) -> list[Asked]:
    """POST /invoke for each day; see send."""
    requests = (request("POST", "/invoke", {"run_date": day}) for day in days)
    return send(port, requests, connections=connections, per_second=per_second)


def send(port: int, requests: Iterable[bytes], *, connections: int, per_second: float | None = None) -> list[Asked]:
    """Sends them over so many connections that each send one after the other.

    With `per_second` the requests are due at this rate, and one that has to wait for a free connection is late;
    without it each connection sends again as soon as it was answered.
    """
    return asyncio.run(_send(port, iter(requests), connections, per_second))


def request(method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", "content-type: application/json"]
    return "\r\n".join([*lines, f"content-length: {len(content)}", "", ""]).encode() + content


async def _send(port: int, requests: Iterator[bytes], connections: int, per_second: float | None) -> list[Asked]:
    asked: list[Asked] = []
    due = _due(per_second)
    await asyncio.gather(*(_connection(port, requests, due, asked) for _ in range(connections)))
    return asked


def _due(per_second: float | None) -> Iterator[float | None]:
    """When each request is due, on the performance counter; None: at once."""
    began, number = time.perf_counter(), 0
    while True:
        yield None if per_second is None else began + number / per_second
        number += 1


async def _connection(port: int, requests: Iterator[bytes], due: Iterator[float | None], asked: list[Asked]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for one in requests:
        began = next(due) or time.perf_counter()
        await asyncio.sleep(max(0, began - time.perf_counter()))
        writer.write(one)
        status, content = await _answer(reader)
        asked.append(Asked(status, json.loads(content), time.perf_counter() - began))
    writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = int(head.split("content-length: ")[1].split("\r\n")[0])
    return int(head.split()[1]), await reader.readexactly(length)
