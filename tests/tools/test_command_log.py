"""What commands log on the screen: short lines for people, as the inspector writes them."""

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
    logger.debug("of no interest")
    logger.warning("3 pictures stand out")
    return inner()

raise SystemExit(main())
"""


def test_a_command_logs_short_lines_once_without_passwords_and_without_what_is_for_debugging() -> (
    None
):
    ended = subprocess.run(
        [sys.executable, "-c", LOGGING], capture_output=True, text=True, check=True
    )
    assert ended.stderr.splitlines() == [
        "WARNING 3 pictures stand out",
        "INFO    fetched rtsp://***@camera/1",
    ]
