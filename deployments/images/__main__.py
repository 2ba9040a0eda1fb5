"""Builds the images with docker or buildah: `python -m deployments.images [target …]`, as `make images` does.

buildah dates all files by the commit, so that the same commit gives the same layers. docker does so with the image
alone: files that a build makes keep their time, and a second build of a commit has other digests. A tag in the registry
is never another image afterwards, so what is there under its tag is neither built nor pushed again.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from deployments.images.dockerfile import read_targets
from settings import PROJECT

NO_BUILDER = """\
Images are built by docker or buildah, and neither can be used here: docker is not installed or its daemon cannot be
reached, and there is no buildah (Debian, Ubuntu: apt-get install buildah)."""


def builder() -> str | None:
    """docker where its daemon answers, else buildah."""
    docker = shutil.which("docker")
    if docker and subprocess.run([docker, "info"], capture_output=True, check=False).returncode == 0:  # noqa: S603
        return docker
    return shutil.which("buildah")


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=PROJECT, capture_output=True, text=True, check=False)  # noqa: S603, S607
    return done.stdout.strip()


def build_command(program: str, target: str, name: str, *, base: str, index: str) -> Sequence[str]:
    """`base`: an image instead of the Dockerfile's; `index`: a pip.conf that is lent to the build."""
    committed = _git("log", "-1", "--format=%ct") or "0"
    docker = _is_docker(program)
    dated = ["--build-arg", f"SOURCE_DATE_EPOCH={committed}"] if docker else ["--timestamp", committed]
    return [
        program,
        *(["buildx", "build", "--load"] if docker else ["build", "--format", "docker", "--layers"]),
        *("--target", target, "--tag", name, *dated),
        *("--label", f"org.opencontainers.image.revision={_git('rev-parse', 'HEAD')}"),
        *("--build-arg", f"CODE_VERSION={_git('describe', '--always', '--dirty', '--abbrev=12')}"),
        *(["--build-arg", f"PYTHON_IMAGE={base}"] if base else []),
        *(["--secret", f"id=index,src={index}"] if index else []),
        ".",
    ]


def is_pushed(program: str, name: str) -> bool:
    """Whether the registry has the image under this tag."""
    look = [program, "manifest", "inspect", name if _is_docker(program) else f"docker://{name}"]
    return subprocess.run(look, capture_output=True, check=False).returncode == 0  # noqa: S603


def _is_docker(program: str) -> bool:
    return os.path.basename(program) == "docker"  # noqa: PTH119


def main(wanted: Sequence[str]) -> int:
    known = read_targets()
    if unknown := [name for name in wanted if name not in known]:
        print(f"There is no image {', '.join(unknown)}; there are {', '.join(known)}.", file=sys.stderr)
        return 2
    program = builder()
    if program is None:
        print(NO_BUILDER, file=sys.stderr)
        return 1
    chosen = os.environ
    tag = chosen.get("TAG") or _git("rev-parse", "--short=12", "HEAD") or "latest"
    repository = chosen.get("REPOSITORY", "")
    for target in wanted or known:
        name = f"{repository}/{target}:{tag}" if repository else f"{target}:{tag}"
        if chosen.get("PUSH") and is_pushed(program, name):
            print(f"{name} is in the registry", flush=True)
            continue
        print(f"Building {name}", flush=True)
        commands = [build_command(program, target, name, base=chosen.get("BASE", ""), index=chosen.get("INDEX", ""))]
        if chosen.get("PUSH"):
            commands.append([program, "push", name])
        for command in commands:
            if (code := subprocess.run(command, cwd=PROJECT, check=False).returncode) != 0:  # noqa: S603
                return code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
