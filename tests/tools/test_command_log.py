"""Commands log short lines on the screen, in the format of the inspector."""

import os
import subprocess
import sys

LOGGING = """
from loguru import logger
from tools._cli import guarded

@guarded
def inner(argv=None):
    logger.info("fetched rtsp://me:secret@camera/1")
    return 0

@guarded
def main(argv=None):
    logger.debug("a detail")
    logger.warning("3 pictures stand out")
    return inner()

raise SystemExit(main())
"""


def test_a_command_logs_short_lines_once_without_passwords_and_debug_lines() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LOGGING], capture_output=True, text=True, check=True
    )
    assert ended.stderr.splitlines() == [
        "WARNING 3 pictures stand out",
        "INFO    fetched rtsp://***@camera/1",
    ]


PRINTING = """
import os
from tools._cli import guarded

@guarded
def main(argv=None):
    print("look at", os.fsdecode(bytes([255]) + b".png"))
    return 0

raise SystemExit(main())
"""


def test_a_command_prints_a_name_that_is_not_utf8_as_an_escape() -> None:
    environment = os.environ | {"PYTHONIOENCODING": "utf-8"}
    ended = subprocess.run(
        [sys.executable, "-c", PRINTING], capture_output=True, text=True, env=environment
    )
    assert ended.stdout == "look at \\udcff.png\n"
    assert ended.returncode == 0
