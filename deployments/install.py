"""Makes the environment of the project: `python3 deployments/install.py .venv run.txt [dev.txt ...]`.

Runs before anything is installed, so it needs nothing but Python. Every package is checked against the hashes
of the lock. Bytecode is compiled whatever PYTHONDONTWRITEBYTECODE says: otherwise each process would compile
all that it imports anew, every time.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 13)
PROJECT = Path(__file__).resolve().parents[1]
BOOTSTRAP = PROJECT / "requirements" / "bootstrap.txt"


def main() -> None:
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        sys.exit(
            "Python 3.11 to 3.13 is needed, and {} is {}.{}; name another one: make PYTHON=python3.12 ...".format(
                sys.executable, *sys.version_info[:2]
            )
        )
    folder, locks = Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]]
    if not works(folder):
        make_environment(folder)
    install(folder, locks)


def works(folder: Path) -> bool:
    """Whether there is an environment of a Python that is still there, and pip in it."""
    python = folder / "bin" / "python"
    return python.exists() and quiet([str(python), "-m", "pip", "--version"])


def make_environment(folder: Path) -> None:
    """With uv when it is there, else with venv, which Debian ships in a package of its own."""
    uv = shutil.which("uv")
    if uv and run([uv, "venv", "--quiet", "--clear", "--seed", "--python", sys.executable, str(folder)]):
        return
    try:
        import ensurepip  # noqa: F401
        import venv
    except ImportError:
        sys.exit(
            "Python's venv is missing; install it (Debian, Ubuntu: apt-get install python3-venv) and run make again"
        )
    venv.create(str(folder), clear=True, with_pip=True)


def install(folder: Path, locks: "list[Path]") -> None:
    """With uv, four times as fast as pip; with pip when uv cannot reach the index as pip is set up to."""
    python = folder / "bin" / "python"
    files = [part for lock in locks for part in ("-r", str(lock))]
    own = folder / "bin" / "uv"
    names = ", ".join(lock.name for lock in locks)
    sys.stderr.write(f"Installing {names} into {folder}, about a minute the first time.\n")
    uv = shutil.which("uv") or str(own)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    if not Path(uv).exists():
        run([*pip, "-r", str(BOOTSTRAP)])
    with_uv = [uv, "pip", "install", "--quiet", "--python", str(python), "--require-hashes", "--compile-bytecode"]
    if Path(uv).exists() and run([*with_uv, *files]):
        return
    sys.stderr.write("uv could not install the packages; pip does it, which takes some minutes.\n")
    # the locks are complete; and pip, asked to resolve them, stumbles over a dependency that is named with an extra
    if not run([*pip, "--no-deps", "--no-compile", *files]):
        sys.exit("The packages could not be installed; pip says why above.")
    run([str(python), "-m", "compileall", "-q", "-j", "0", str(folder / "lib")])


def run(command: "list[str]") -> bool:
    return subprocess.run(command, check=False).returncode == 0  # noqa: S603


def quiet(command: "list[str]") -> bool:
    done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    return done.returncode == 0


if __name__ == "__main__":
    os.environ.pop("VIRTUAL_ENV", None)
    main()
