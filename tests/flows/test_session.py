"""Tests the start of a session with several sources, and the summaries of one that fails."""

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from engines.backends.fake import FakeEngine
from inspector import console
from inspector.app import main
from inspector.core.errors import ConfigError, SinkError
from inspector.core.files import sole_writer
from inspector.run import Run


def write_two_sources(folder: Path, frames: int | None = None) -> Path:
    """A configuration with the sources `left` and `right`. frames: of each; None: endless."""
    web = {"uri": "synthetic", "frame_size": "64x48", "synthetic": {"frames": frames}}
    values = {
        "engine": {"backend": "fake"},
        "output": {"dir": str(folder / "out"), "video": {"enabled": False}},
        "log": {"path": None},
        "sources": [{"name": name, "source": web} for name in ("left", "right")],
    }
    path = folder / "line.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def read_summary(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "summary.json").read_text())


class SlowOpening:
    """Delays the opening of the second engine until `release` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.entered, self.release = threading.Event(), threading.Event()
        self.opened = threading.Event()
        self._count = 0
        self._open = FakeEngine.warm_up
        monkeypatch.setattr(FakeEngine, "warm_up", lambda engine: self._warm_up(engine))

    def _warm_up(self, engine: FakeEngine) -> None:
        self._count += 1
        if self._count == 2:
            self.entered.set()
            self.release.wait(20)
            self.opened.set()
        self._open(engine)


@pytest.mark.usefixtures("usual_signal_stack")
def test_no_source_captures_before_all_engines_are_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = SlowOpening(monkeypatch)
    captured_early: list[int] = []

    def stop_the_run() -> None:
        slow.entered.wait(20)
        time.sleep(0.3)
        log = tmp_path / "out" / "left" / "inspections.jsonl"
        captured_early.append(log.read_bytes().count(b'"type":"measured"'))
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.3)
        slow.release.set()

    keys = threading.Thread(target=stop_the_run)
    keys.start()
    assert main(["--config", str(write_two_sources(tmp_path))]) == 130
    keys.join()
    assert captured_early == [0]
    summary = read_summary(tmp_path / "out")
    assert (summary["status"], summary["exit_code"]) == ("stopped", 130)
    assert summary["total"]["captured"] == 0


@pytest.mark.usefixtures("usual_signal_stack")
def test_a_second_ctrl_c_ends_the_run_while_an_engine_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inspector.pipeline.runner.GRACE_S", 0.3)
    slow = SlowOpening(monkeypatch)

    def press_keys() -> None:
        slow.entered.wait(20)
        for _ in range(2):
            time.sleep(0.25)
            os.kill(os.getpid(), signal.SIGINT)

    keys = threading.Thread(target=press_keys)
    keys.start()
    assert main(["--config", str(write_two_sources(tmp_path))]) == 130
    assert not slow.opened.is_set()
    slow.release.set()
    keys.join()
    summary = read_summary(tmp_path / "out")
    assert (summary["status"], summary["exit_code"]) == ("stopped", 130)


def test_a_session_folder_in_use_is_refused_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_two_sources(tmp_path, frames=3)
    with sole_writer(tmp_path / "out"):
        assert main(["--config", str(config)]) == 2
    stderr = capsys.readouterr().err
    assert stderr.count("error: another run is writing to ") == 1
    assert "main thread" not in stderr
    assert list((tmp_path / "out").iterdir()) == []
    assert main(["--config", str(config)]) == 0


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (ConfigError("odd"), 2, "odd"),
        (KeyError("odd"), 1, "the main thread failed: KeyError: 'odd'"),
    ],
)
def test_an_error_of_the_main_thread_is_in_all_summaries_that_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, sentence: str
) -> None:
    write = Run.write_summary

    def fail(_: Any) -> None:
        raise error

    def lose_the_first(self: Run, *arguments: Any) -> None:
        if self.info.source_name == "left":
            raise SinkError("the disk is full")
        write(self, *arguments)

    monkeypatch.setattr(console.ProgressBar, "update", fail)
    monkeypatch.setattr(Run, "write_summary", lose_the_first)
    assert main(["--config", str(write_two_sources(tmp_path))]) == code
    out = tmp_path / "out"
    assert not (out / "left" / "summary.json").exists()
    for summary in (read_summary(out / "right"), read_summary(out)):
        assert (summary["status"], summary["exit_code"]) == ("failed", code)
        assert summary["error"] == sentence
    assert [source["error"] for source in read_summary(out)["sources"]] == [sentence, sentence]
