"""The hand-written stubs say what the extension module has."""

import subprocess
import sys
from pathlib import Path

# What pyo3 adds by itself, a list that is put together while the package loads, and attributes that each error sets.
ALLOWED = str(Path(__file__).with_name("stubtest-allowlist.txt"))


def test_the_stubs_match_the_running_package():
    checked = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "kinetik", "--concise", "--allowlist", ALLOWED],
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
