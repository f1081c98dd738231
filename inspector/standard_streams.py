"""Opens closed standard streams and writes error messages. It imports only the standard library."""

import os
import sys


def open_missing_streams() -> None:
    """Opens the null device for each standard stream that was closed before the start.

    Otherwise the next opened file would get the number of the stream, and C libraries would write
    their messages into that file.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        missing = getattr(sys, name) is None  # its number may belong to another file already
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            missing = True
        if missing:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def write_error(text: str) -> None:
    """Writes a line to stderr. A closed terminal or a full disk does not change the exit code."""
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except OSError:
        discard_stream("stderr")


def discard_stream(name: str) -> None:
    """Replaces sys.stdout or sys.stderr, so that Python does not try to write the rest at exit."""
    setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
