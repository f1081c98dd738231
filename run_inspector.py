"""Inspects a video, a camera or pictures: `python run_inspector.py --help` lists the options."""

import sys

from inspector.early_signals import Stopped, stop_early
from inspector.standard_streams import open_missing_streams, write_error

__all__ = ["main"]


def main(argv: list[str] | None = None, *, ends_process: bool = False) -> int:
    """Runs the command and returns its exit code. argv: without the name of the program.
    ends_process: signals are ignored from then on."""
    open_missing_streams()
    try:
        with stop_early(ends_process=ends_process) as early:
            from inspector.app import main as run  # takes some 100 ms

            early.check()
            return run(argv, early)
    except Stopped as stop:
        write_error(f"{stop}; nothing was written")
        return stop.exit_code


if __name__ == "__main__":
    sys.exit(main(ends_process=True))
