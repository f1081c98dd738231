"""Tests signals that reach the process at chosen moments."""

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
def leaked() -> Iterator[list[int]]:
    """SIGTERMs that reached the handler from before the run."""
    numbers: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: numbers.append(number))
    yield numbers
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("usual_signal_stack")
def test_a_signal_during_the_summary_does_not_lose_it(
    inspect: Inspect, clip: Path, monkeypatch: pytest.MonkeyPatch, leaked: list[int]
) -> None:
    write = Run.write_summary

    def interrupt(self: Run, *arguments: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        write(self, *arguments)

    monkeypatch.setattr(Run, "write_summary", interrupt)
    result = inspect(clip, None, *FAKE)
    assert result.code == 0
    assert result.summary["inspected"] == 30
    assert leaked == []


@pytest.mark.usefixtures("usual_signal_stack")
def test_after_a_third_ctrl_c_during_a_batch_the_counts_add_up(
    inspect: Inspect, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    infer = FakeEngine._run

    def press_keys() -> None:
        for _ in range(3):
            time.sleep(0.25)
            os.kill(os.getpid(), signal.SIGINT)

    keys = threading.Thread(target=press_keys)

    def run_slowly(self: FakeEngine, pixels: Image) -> tuple[Map, Scores]:
        if len(pixels) > 1:
            keys.start()
            time.sleep(1.5)
        return infer(self, pixels)

    monkeypatch.setattr(FakeEngine, "_run", run_slowly)
    result = inspect(clip, None, *FAKE, "--set", "engine.batch=8")
    keys.join()
    assert result.code == result.summary["exit_code"] == 130
    assert (result.summary["status"], result.summary["error"]) == ("stopped", None)
    counted = sum(result.summary[name] for name in ("inspected", "dropped", "errored"))
    assert result.summary["captured"] == counted > 0
