"""The command: `kinetik` and `python -m kinetik`."""

import sys

from . import _kinetik


def main() -> int:
    """Runs the command with the process's arguments; its exit status."""
    return _kinetik.run_command(["kinetik", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
