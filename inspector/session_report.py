"""Starts the process that writes the report at the end of a session.

The results are complete before it starts. So no error, crash or hang of this process can damage
them.
"""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from loguru import logger

from inspector.command_line import describe_version
from inspector.core.errors import ConfigError
from inspector.module_process import start_module
from inspector.outputs.folder import REPORT
from inspector.report.options import CHECK_PDF, ReportOptions

LONGEST_S: Final = 900.0
"""s after which the report is given up."""

_CHECK_S: Final = 60.0


def check_report(options: ReportOptions) -> None:
    """Raises ConfigError before the run if a library for the PDF is missing."""
    if not (options.enabled and options.pdf):
        return
    process = _start(CHECK_PDF)
    try:
        sentence, _ = process.communicate(timeout=_CHECK_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise ConfigError("report.pdf: WeasyPrint does not start; set report.pdf=false") from None
    if process.returncode:
        raise ConfigError(f"report.pdf: {sentence.strip() or 'WeasyPrint cannot be loaded'}")


def write_session_report(folder: Path, is_stopped: Callable[[], bool]) -> bool:
    """Writes the report of the runs in the folder. Returns whether it was written; otherwise the
    log has a warning. is_stopped: a signal ends the report."""
    logger.info("the report {} is being written", folder / REPORT)
    process = _start(str(folder), describe_version())
    end, reason = time.monotonic() + LONGEST_S, ""
    while process.poll() is None and not reason:
        if is_stopped():
            reason = "a signal ended it"
        elif time.monotonic() > end:
            reason = f"it took longer than {LONGEST_S:g} s"
        time.sleep(0.05)
    if reason:
        process.kill()
    sentence, _ = process.communicate()
    if process.returncode == 0:
        return True
    reason = reason or sentence.strip() or f"its process ended with code {process.returncode}"
    logger.warning(
        "the report was not written: {}; all other results are complete; "
        "`line-inspector report {}` can write it",
        reason,
        folder,
    )
    return False


def _start(*arguments: str) -> "subprocess.Popen[str]":
    return start_module("inspector.report.process", *arguments, stdin=subprocess.DEVNULL)
