"""`keywheel` on the command line: the same program as Rust's, out of the same native module."""

import sys

from . import _keywheel


def main() -> int:
    """Runs the program with this process's arguments; returns its exit code."""
    return _keywheel.main(["keywheel", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
