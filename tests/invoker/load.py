"""Many invocations over many connections, without a client library that would be slower than the invoker."""

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
    """POST /invoke for each day, over so many connections that each ask for one day after the other.

    With `per_second` the requests are due at this rate, and one that has to wait for a free connection is late;
    without it each connection asks again as soon as it was answered.
    """
    return asyncio.run(_ask(port, iter(days), connections, per_second))


async def _ask(port: int, days: Iterator[str], connections: int, per_second: float | None) -> list[Asked]:
    asked: list[Asked] = []
    due = _due(per_second)
    await asyncio.gather(*(_connection(port, days, due, asked) for _ in range(connections)))
    return asked


def _due(per_second: float | None) -> Iterator[float | None]:
    """When each request is due, on the performance counter; None: at once."""
    began, number = time.perf_counter(), 0
    while True:
        yield None if per_second is None else began + number / per_second
        number += 1


async def _connection(port: int, days: Iterator[str], due: Iterator[float | None], asked: list[Asked]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for day in days:
        began = next(due) or time.perf_counter()
        await asyncio.sleep(max(0, began - time.perf_counter()))
        status, answer = await _post(reader, writer, {"run_date": day})
        asked.append(Asked(status, answer, time.perf_counter() - began))
    writer.close()


async def _post(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: dict[str, str]
) -> tuple[int, dict[str, Any]]:
    content = json.dumps(body).encode()
    lines = ["POST /invoke HTTP/1.1", "host: 127.0.0.1", "content-type: application/json"]
    writer.write("\r\n".join([*lines, f"content-length: {len(content)}", "", ""]).encode() + content)
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = int(head.split("content-length: ")[1].split("\r\n")[0])
    return int(head.split()[1]), json.loads(await reader.readexactly(length))
