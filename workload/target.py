"""Where files are delivered to: a folder, or what fsspec reaches; a file appears there as a whole or not at all."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from errors import PASSING, Permanent, Retryable

CLIENTS = frozenset({"gcsfs", "aiohttp", "google"})
"""Their errors have no kind in common with Python's own."""


class CannotWrite(Permanent):
    """The target cannot be written to, or fsspec does not know its kind; what stood there before is whole."""


class NoRoom(Retryable):
    """The target's disk is full; what stood there before is whole."""


class Unreachable(Retryable):
    """The store does not answer, or not now; what stood there before is whole."""


@dataclass(frozen=True, slots=True)
class Target:
    """`filesystem` is fsspec's, which has no types."""

    where: str
    filesystem: Any
    folder: str

    def put(self, file: Path, name: str) -> None:
        """A folder gets the file by atomic rename; object stores show an object when all of it has arrived."""
        with self._told(f"{name} cannot be written"):
            if isinstance(self.filesystem, LocalFileSystem):
                _replace(file, Path(self.folder) / name)
            else:
                self.filesystem.put_file(str(file), self._path(name))

    def fetch(self, name: str, file: Path) -> bool:
        """Whether there is one; then it is in the file."""
        with self._told(f"{name} cannot be read"):
            try:
                self.filesystem.get_file(self._path(name), str(file))
            except FileNotFoundError:
                file.unlink(missing_ok=True)
                return False
        return True

    def remove(self, name: str) -> None:
        """No matter whether there is one."""
        with self._told(f"{name} cannot be removed"), suppress(FileNotFoundError):
            self.filesystem.rm_file(self._path(name))

    def names(self, folder: str) -> list[str]:
        """Of the files in a folder of the target; none when there is no such folder."""
        with self._told(f"{folder} cannot be listed"):
            try:
                found = self.filesystem.ls(self._path(folder), detail=False, refresh=True)
            except FileNotFoundError:
                return []
        return [str(path).rpartition("/")[2] for path in found]

    def _path(self, name: str) -> str:
        return f"{self.folder}/{name}"

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            passing = isinstance(error, ConnectionError | TimeoutError)
            kind: type[Exception] = NoRoom if error.errno == errno.ENOSPC else Unreachable if passing else CannotWrite
            raise kind(f"{self.where}: {what}: {error.strerror or type(error).__name__}") from None
        except Exception as error:
            if type(error).__module__.partition(".")[0] not in CLIENTS:
                raise
            kind = Unreachable if _may_pass(error) else CannotWrite
            raise kind(f"{self.where}: {what}: {type(error).__name__} {_code(error) or ''}".rstrip()) from None


def open_target(to: str) -> Target:
    """Makes the folder unless it is there. Raises CannotWrite."""
    try:
        filesystem, folder = fsspec.core.url_to_fs(to)
        filesystem.makedirs(folder, exist_ok=True)
    except (ValueError, ImportError) as unknown:
        raise CannotWrite(f"{to}: {unknown}") from None
    except OSError as error:
        raise CannotWrite(f"{to}: {error.strerror or type(error).__name__}") from None
    return Target(to, filesystem, folder.rstrip("/"))


def _replace(file: Path, target: Path) -> None:
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        shutil.copyfile(file, beside)
        with beside.open("rb") as written:
            os.fsync(written.fileno())
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def _may_pass(error: Exception) -> bool:
    """By the HTTP status of a refusal; the clients of Google's tokens say it themselves."""
    code = _code(error)
    return code in PASSING if code else bool(getattr(error, "retryable", True))


def _code(error: Exception) -> int | None:
    code = str(getattr(error, "code", ""))
    return int(code) if code.isdigit() else None
