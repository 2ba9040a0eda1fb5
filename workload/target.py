"""Where files are delivered to: a folder, or what fsspec reaches; a file appears there as a whole or not at all."""

import errno
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from errors import Permanent, Retryable


class CannotWrite(Permanent):
    """The target cannot be written to, or fsspec does not know its kind; what stood there before is whole."""


class NoRoom(Retryable):
    """The target's disk is full; what stood there before is whole."""


@dataclass(frozen=True, slots=True)
class Target:
    """`filesystem` is fsspec's, which has no types."""

    where: str
    filesystem: Any
    folder: str

    def put(self, file: Path, name: str) -> None:
        """A folder gets the file by atomic rename; object stores show an object when all of it has arrived."""
        try:
            if isinstance(self.filesystem, LocalFileSystem):
                _replace(file, Path(self.folder) / name)
            else:
                self.filesystem.put_file(str(file), f"{self.folder}/{name}")
        except OSError as error:
            kind = NoRoom if error.errno == errno.ENOSPC else CannotWrite
            reason = error.strerror or type(error).__name__
            raise kind(f"{self.where}: {name} cannot be written: {reason}") from None


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
