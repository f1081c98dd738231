"""Inspects a video, a camera or pictures: `python run_inspector.py --help` lists the options."""

import sys

from inspector.early_signals import Stopped, ignore_signals, stop_early
from inspector.standard_streams import open_missing_streams, write_error

__all__ = ["main"]


def main(argv: list[str] | None = None) -> int:
    """Runs the command and returns its exit code. argv: without the name of the program."""
    open_missing_streams()
    try:
        with stop_early() as early:
            from inspector.app import main as run  # takes some 100 ms

            early.check()
            return run(argv, early)
    except Stopped as stop:
        write_error(f"{stop}; nothing was written")
        return stop.exit_code


if __name__ == "__main__":
    code = main()
    ignore_signals()
    sys.exit(code)
