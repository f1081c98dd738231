"""Commands whose output is no terminal log a line every few seconds."""

import subprocess
import sys
import time

import pytest
from loguru import logger

from tools import _progress
from tools._cli import guarded
from tools._progress import Bars, Heartbeat


@pytest.fixture
def lines(monkeypatch):
    monkeypatch.setattr(_progress, "INTERVAL_S", 0.05)
    heard: list[str] = []
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
        time.sleep(0.3)
    assert lines
    assert all(line.startswith("convert: ") and line.endswith(" s") for line in lines)


def test_a_line_names_the_latest_step_with_its_count(lines):
    with Heartbeat("fit"), Bars() as bars:
        bars.advance("features", 8, 31)
        bars.advance("left out", 5, 31)
        bars.advance("left out", 5, 31)
        time.sleep(0.2)
    assert lines[-1].startswith("fit: left out: 10 of 31 pictures, ")


def test_a_resumed_training_counts_earlier_steps_and_shows_its_loss(lines):
    with Heartbeat("train"), Bars("step") as bars:
        bars.begin("train", 100, before=40)
        bars.advance("train", 1, 100)
        bars.note("train", "epoch 3, loss 0.120")
        time.sleep(0.2)
    assert lines[-1].startswith("train: train: 41 of 100 steps, epoch 3, loss 0.120, ")


def test_a_command_inside_another_is_silent_and_nothing_is_logged_after_the_end(lines):
    with Heartbeat("demo"):
        with Heartbeat("fit"):
            time.sleep(0.2)
        time.sleep(0.2)
    assert {line.split(":")[0] for line in lines} == {"demo"}
    count = len(lines)
    time.sleep(0.2)
    assert len(lines) == count


def test_every_command_has_it(lines):
    @guarded
    def main(argv=None):
        time.sleep(0.2)
        return 0

    assert main([]) == 0
    assert lines[0].startswith("test-progress: ")


PIPED = """
import time
from tools import _progress
from tools._cli import guarded
_progress.INTERVAL_S = 0.1

@guarded
def main(argv=None):
    with _progress.Bars() as bars:
        for _ in range(5):
            bars.advance("features", 1, 5)
            time.sleep(0.1)
    print("result")
    return 0

raise SystemExit(main())
"""


def test_the_lines_go_to_stderr_and_the_result_to_stdout():
    ended = subprocess.run(
        [sys.executable, "-c", PIPED], capture_output=True, text=True, check=True, timeout=60
    )
    assert ended.stdout == "result\n"
    logged = ended.stderr.splitlines()
    assert 2 <= len(logged) <= 6
    assert all("features: " in line and " of 5 pictures" in line for line in logged)
