"""Shared by all commands: an expected error becomes one line on stderr and an exit code."""

import errno
import functools
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from inspector.console import write_screen_line
from inspector.core.errors import InspectorError
from inspector.core.memory import share_heaps
from inspector.core.secrets import mask_secrets
from inspector.logs import log_to_screen
from inspector.standard_streams import discard_stream, open_missing_streams, write_error
from tools._progress import Heartbeat

CONSOLE_COMMAND: Final = "line-inspector"

INTERRUPTED: Final = 130
"""Exit code after Ctrl-C: 128 + SIGINT, as in a shell."""

Main = Callable[[list[str] | None], int]
"""argv without the name of the program (None: sys.argv[1:]) -> exit code."""


def program(command: str | None = None) -> str:
    """The words with which the user started a command; its usage line begins with them."""
    if Path(sys.argv[0]).stem == CONSOLE_COMMAND:
        return CONSOLE_COMMAND if command is None else f"{CONSOLE_COMMAND} {command}"
    return "python -m tools" + ("" if command is None else f".{command.replace('-', '_')}")


def guarded(action: Main) -> Callable[..., int]:
    """The action with handled errors: InspectorError is printed as one line, Ctrl-C returns 130.

    Any other exception is a bug and keeps its traceback. The result takes argv or nothing. While it
    works it logs what it does, see tools._progress.
    """

    @functools.wraps(action)
    def main(argv: list[str] | None = None) -> int:
        open_missing_streams()
        log_to_screen(write_screen_line)
        share_heaps()
        _allow_any_name()
        try:
            with Heartbeat(Path(action.__code__.co_filename).stem.replace("_", "-")):
                return action(argv)
        except InspectorError as exc:
            write_error(f"error: {mask_secrets(str(exc))}")
            return exc.exit_code
        except BrokenPipeError:
            # The reader of our output has closed it. Python must not report this again at exit.
            discard_stream("stdout")
            return 0
        except OSError as exc:
            if exc.errno != errno.ENOSPC:
                raise
            discard_stream("stdout")
            write_error(f"error: {exc.filename or 'the output'} cannot be written: {exc.strerror}")
            return 1
        except KeyboardInterrupt:
            write_error("interrupted")
            return INTERRUPTED

    return main


def _allow_any_name() -> None:
    """Lets print() show file names that are not UTF-8, with escapes.

    Otherwise it raises UnicodeEncodeError after minutes of work.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
