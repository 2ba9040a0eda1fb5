"""An image's packages and code without the image: for tests and figures where no container can be built."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deployments.images.dockerfile import Target
from settings import PROJECT

UV = Path(sys.executable).parent / "uv"


@dataclass(frozen=True, slots=True)
class Laid:
    """Where an image's packages and code were laid out."""

    target: Target
    folder: Path

    @property
    def code(self) -> Path:
        return self.folder / "app"

    @property
    def python(self) -> Path:
        return self.folder / "venv" / "bin" / "python3"

    @property
    def packages(self) -> Path:
        return next((self.folder / "venv" / "lib").glob("python3*")) / "site-packages"

    def environment(self, **more: str) -> Mapping[str, str]:
        """As the Dockerfile sets it, with paths in this folder instead of the image's; nothing of this machine."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        return {
            **{name: value.replace("/tmp", str(home)) for name, value in self.target.environment.items()},  # noqa: S108
            "PATH": f"{self.python.parent}{os.pathsep}{os.defpath}",
            "PYTHONPATH": str(self.code),
            **more,
        }


def lay_out(target: Target, folder: Path, *, compiled: bool = False) -> Laid:
    """Installs the target's lock, and nothing else, into a new environment; copies what the Dockerfile copies."""
    laid = Laid(target, folder)
    uv = shutil.which("uv") or str(UV)
    venv = ["venv", "--quiet", "--python", sys.executable, str(folder / "venv")]
    install = ["pip", "install", "--quiet", "--python", str(laid.python), "--require-hashes", "-r", str(target.lock)]
    subprocess.run([uv, *venv], check=True)  # noqa: S603
    subprocess.run([uv, *install, *(["--compile-bytecode"] if compiled else [])], check=True)  # noqa: S603
    laid.code.mkdir()
    for source, destination in target.copied:
        _copy(PROJECT / source, laid.code / destination)
    return laid


def _copy(source: Path, destination: Path) -> None:
    """As COPY does: a folder's contents go into the destination, a file into the folder that is named."""
    if source.is_dir():
        shutil.copytree(source, destination, ignore=shutil.ignore_patterns("__pycache__", "target", "logs"))
    else:
        destination.mkdir(exist_ok=True)
        shutil.copy2(source, destination)
