"""Signals at the worst moment, in this process, so that the moment can be chosen."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flow_rig import Inspect

from engines.backends.fake import FakeEngine
from engines.opening import Scores
from inspector.core.arrays import Image, Map
from inspector.run import Run

FAKE = ("--no-video", "--set", "engine.backend=fake", "--set", "verdict.pixel_threshold=9")


@pytest.fixture
def lost() -> Iterator[list[int]]:
    """SIGTERMs that reached whoever had the signal before the run."""
    numbers: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: numbers.append(number))
    yield numbers
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("usual_signal_stack")
def test_a_signal_while_the_summary_is_written_does_not_cost_it(
    inspect: Inspect, clip: Path, monkeypatch: pytest.MonkeyPatch, lost: list[int]
) -> None:
    write = Run.write_summary

    def interrupted(self: Run, *arguments: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        write(self, *arguments)

    monkeypatch.setattr(Run, "write_summary", interrupted)
    ran = inspect(clip, None, *FAKE)
    assert ran.code == 0
    assert ran.summary["inspected"] == 30
    assert lost == []


@pytest.mark.usefixtures("usual_signal_stack")
def test_a_third_ctrl_c_in_the_middle_of_a_batch_leaves_a_count_that_adds_up(
    inspect: Inspect, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    infer = FakeEngine._run

    def pressed() -> None:
        for _ in range(3):
            time.sleep(0.25)
            os.kill(os.getpid(), signal.SIGINT)

    keys = threading.Thread(target=pressed)

    def slow(self: FakeEngine, pixels: Image) -> tuple[Map, Scores]:
        if len(pixels) > 1:
            keys.start()
            time.sleep(1.5)
        return infer(self, pixels)

    monkeypatch.setattr(FakeEngine, "_run", slow)
    ran = inspect(clip, None, *FAKE, "--set", "engine.batch=8")
    keys.join()
    assert ran.code == 130
    counted = sum(ran.summary[name] for name in ("inspected", "dropped", "errored"))
    assert ran.summary["captured"] == counted > 0
