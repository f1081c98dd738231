"""Commands whose output is no terminal log a line every few seconds."""

import re
import subprocess
import sys
import time

import pytest
from loguru import logger

from tools import _progress
from tools._cli import guarded
from tools._progress import Bars, Heartbeat


class Lines(list[str]):
    """What was logged."""

    def wait_for(self, start: str) -> str:
        """The first line that starts so. It waits, because a busy machine delays threads."""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            if line := next((line for line in list(self) if line.startswith(start)), None):
                return line
            time.sleep(0.01)
        raise AssertionError(f"no line starts with {start!r}: {self}")


@pytest.fixture
def lines(monkeypatch):
    monkeypatch.setattr(_progress, "INTERVAL_S", 0.05)
    heard = Lines()
    sink = logger.add(lambda message: heard.append(message.record["message"]))
    yield heard
    logger.remove(sink)


@pytest.mark.parametrize(
    ("unit", "text"), [("picture", "1 of 2 pictures"), ("class", "1 of 2 classes")]
)
def test_the_count_has_its_unit_in_the_plural(unit, text):
    with Bars(unit) as bars:
        bars.advance("fitting", 1, 2)
        assert bars.describe() == f"fitting: {text}"


def test_a_silent_command_says_that_it_works(lines):
    with Heartbeat("convert"):
        line = lines.wait_for("convert: ")
    assert re.fullmatch(r"convert: \d+ s", line)


def test_a_line_names_the_latest_step_with_its_count(lines):
    with Heartbeat("fit"), Bars() as bars:
        bars.advance("features", 8, 31)
        bars.advance("left out", 5, 31)
        bars.advance("left out", 5, 31)
        lines.wait_for("fit: left out: 10 of 31 pictures, ")


def test_a_resumed_training_counts_earlier_steps_and_shows_its_loss(lines):
    with Heartbeat("train"), Bars("step") as bars:
        bars.begin("train", 100, before=40)
        bars.advance("train", 1, 100)
        bars.note("train", "epoch 3, loss 0.120")
        lines.wait_for("train: train: 41 of 100 steps, epoch 3, loss 0.120, ")


def test_a_command_inside_another_is_silent_and_nothing_is_logged_after_the_end(lines):
    with Heartbeat("demo"):
        with Heartbeat("fit"):
            time.sleep(0.2)
        lines.wait_for("demo: ")
    assert {line.split(":")[0] for line in lines} == {"demo"}
    count = len(lines)
    time.sleep(0.2)
    assert len(lines) == count


def test_every_command_has_it(lines):
    @guarded
    def main(argv=None):
        lines.wait_for("test-progress: ")
        return 0

    assert main([]) == 0


PIPED = """
import threading
from loguru import logger
from tools import _progress
from tools._cli import guarded
_progress.INTERVAL_S = 0.1
logged = threading.Event()

@guarded
def main(argv=None):
    logger.add(lambda message: logged.set(), filter=lambda record: "features" in record["message"])
    with _progress.Bars() as bars:
        bars.advance("features", 2, 5)
        logged.wait(30)
    print("result")
    return 0

raise SystemExit(main())
"""


def test_the_lines_go_to_stderr_and_the_result_to_stdout():
    ended = subprocess.run(
        [sys.executable, "-c", PIPED], capture_output=True, text=True, check=True, timeout=60
    )
    assert ended.stdout == "result\n"
    lines = ended.stderr.splitlines()
    line = r"INFO    <string>: (features: 2 of 5 pictures, )?\d+ s"
    assert all(re.fullmatch(line, each) for each in lines), lines
    assert any("features: " in each for each in lines)
