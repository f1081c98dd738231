"""Tests several sources in one process: counts, folders, engines, and a source that fails."""

import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from flow_rig import RESULTS, bad_picture, good_picture, write_config, write_pictures
from waiting import wait_for

from engines.opening import BACKENDS
from inspector import operator_input
from inspector.app import main
from inspector.build_runs import build_runs
from inspector.config import load_config
from inspector.core.arrays import Image
from inspector.core.errors import ConfigError
from inspector.core.types import BadFrame, Frame
from inspector.outputs.json_log import read_log
from inspector.outputs.window import QUIT
from inspector.sources.image_folder import ImageFolderSource

WEB = {
    "uri": "synthetic",
    "frame_size": "64x48",
    "fps": 50,
    "synthetic": {"paced": True, "frames": None},
}


def read_summary(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "summary.json").read_text())


def is_balanced(counts: dict[str, int]) -> bool:
    return counts["captured"] == counts["inspected"] + counts["dropped"] + counts["errored"] > 0


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """6 pictures, of which 2 show a defect."""
    pictures = [bad_picture(i) if i in (2, 3) else good_picture(100 + i) for i in range(6)]
    return write_pictures(tmp_path / "left_pictures", pictures)


@pytest.fixture
def right(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "right_pictures", [good_picture(i) for i in range(9)])


def test_each_source_has_its_engine_its_counts_and_its_folder(
    tmp_path: Path,
    left: Path,
    right: Path,
    engine: Path,
    margin: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = write_config(
        tmp_path,
        [
            {
                "name": "left",
                "source": {"uri": str(left)},
                "engine": {"path": str(engine), "backend": "onnx"},
            },
            {
                "name": "right",
                "source": {"uri": str(right)},
                "verdict": {"image_threshold": 1e6, "pixel_threshold": 1e6},
            },
        ],
    )
    assert main(["--config", str(config), *margin]) == 0
    out = tmp_path / "out"
    assert sorted(path.name for path in out.iterdir()) == ["left", "right", "summary.json"]
    of_left, of_right = read_summary(out / "left"), read_summary(out / "right")
    of_all = read_summary(out)
    assert (of_left["captured"], of_left["failed"]) == (6, 2)
    assert (of_right["captured"], of_right["failed"]) == (9, 0)
    assert of_left["engine"]["name"] != of_right["engine"]["name"]
    assert of_right["image_threshold"] == 1e6
    assert (of_left["source"], of_right["source"]) == (str(left), str(right))
    for folder, count in ((out / "left", 6), (out / "right", 9)):
        header, records = read_log(folder / "inspections.jsonl")
        assert [record["frame_id"] for record in records] == list(range(count))
        assert header["output_dir"] == str(folder)
    assert [source["name"] for source in of_all["sources"]] == ["left", "right"]
    assert of_left["run_id"] == of_right["run_id"] == of_all["run_id"]
    assert (of_left["source_name"], of_right["source_name"]) == ("left", "right")
    assert [source["dir"] for source in of_all["sources"]] == ["left", "right"]
    assert all(is_balanced(source) for source in of_all["sources"])
    assert is_balanced(of_all["total"])
    assert of_all["total"]["captured"] == 15
    assert (of_all["status"], of_all["exit_code"], of_all["error"]) == ("finished", 0, None)
    equation = "captured 15 = inspected 15 + dropped 0 + errored 0"
    stderr = capsys.readouterr().err
    assert f"all sources: {equation}; summary in {out}" in stderr
    assert stderr.count("gives the results that are stored in the engine file") == 1
    assert "left: onnx" in stderr


def test_a_source_that_fails_does_not_stop_the_other(
    tmp_path: Path, left: Path, right: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in sorted(left.iterdir())[2:]:
        path.write_bytes(b"no picture")
    config = write_config(
        tmp_path,
        [
            {"name": "left", "source": {"uri": str(left)}},
            {"name": "right", "source": {"uri": str(right)}},
        ],
    )
    code = main(["--config", str(config)])
    out = tmp_path / "out"
    of_left, of_right = read_summary(out / "left"), read_summary(out / "right")
    of_all = read_summary(out)
    assert code == of_left["exit_code"] == of_all["exit_code"] == 2
    assert (of_left["status"], of_right["status"], of_all["status"]) == (
        *("failed", "finished"),
        "failed",
    )
    assert of_right["inspected"] == 9
    assert "pictures in" in of_all["error"]
    assert of_all["error"] == of_left["error"]
    assert is_balanced(of_left)
    assert is_balanced(of_right)
    assert is_balanced(of_all["total"])
    stderr = capsys.readouterr().err
    assert "source left failed: " in stderr
    assert stderr.count("error: ") == 1


def test_the_exit_code_is_that_of_the_first_failure(
    tmp_path: Path, left: Path, right: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (*sorted(left.iterdir())[2:], *sorted(right.iterdir())[2:]):
        path.write_bytes(b"no picture")
    read = ImageFolderSource.read

    def read_left_first(self: ImageFolderSource) -> Frame | BadFrame | None:
        if self.info.source_id == str(right):
            wait_for((tmp_path / "out" / "left" / "summary.json").exists, 30)
        return read(self)

    monkeypatch.setattr(ImageFolderSource, "read", read_left_first)
    entries = [
        {
            "name": "right",
            "source": {"uri": str(right), "max_unreadable": 1},
            "pipeline": {"max_errored_in_a_row": 3},
        },
        {"name": "left", "source": {"uri": str(left)}},
    ]
    assert main(["--config", str(write_config(tmp_path, entries))]) == 2
    codes = {s["name"]: s["exit_code"] for s in read_summary(tmp_path / "out")["sources"]}
    assert codes == {"left": 2, "right": 1}


def test_a_source_that_is_missing_ends_the_program_before_anything_runs(
    tmp_path: Path, left: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(
        tmp_path,
        [
            {"name": "left", "source": {"uri": str(left)}},
            {"name": "right", "source": {"uri": str(tmp_path / "nowhere.mp4")}},
        ],
    )
    assert main(["--config", str(config)]) == 2
    stderr = capsys.readouterr().err
    assert "error: source right: " in stderr
    assert "nowhere.mp4 does not exist" in stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("usual_signal_stack")
def test_a_signal_stops_all_sources(tmp_path: Path) -> None:
    entries = [{"name": "left", "source": WEB}, {"name": "right", "source": WEB}]
    config = write_config(tmp_path, entries)
    logs = [tmp_path / "out" / name / "inspections.jsonl" for name in ("left", "right")]

    def both_write() -> bool:
        return all(log.exists() and log.read_bytes().count(b"\n") > 3 for log in logs)

    def stop_when_both_write() -> None:
        try:
            wait_for(both_write)
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    stopper = threading.Thread(target=stop_when_both_write)
    stopper.start()
    assert main(["--config", str(config)]) == 130
    stopper.join()
    of_all = read_summary(tmp_path / "out")
    assert (of_all["status"], of_all["exit_code"]) == ("stopped", 130)
    assert [source["status"] for source in of_all["sources"]] == ["stopped", "stopped"]
    assert all(is_balanced(source) for source in of_all["sources"])


def test_one_source_keeps_the_flat_layout(tmp_path: Path, right: Path) -> None:
    config = write_config(tmp_path, [], source={"uri": str(right)})
    assert main(["--config", str(config)]) == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [name for name in RESULTS if name != "annotated.mp4"]
    assert "sources" not in read_summary(tmp_path / "out")


def test_results_are_replaced_only_with_the_option(tmp_path: Path, right: Path) -> None:
    config = write_config(tmp_path, [{"name": "right", "source": {"uri": str(right)}}])
    assert main(["--config", str(config)]) == 0
    assert main(["--config", str(config)]) == 2
    assert main(["--config", str(config), "--overwrite"]) == 0


def test_no_source_reads_what_another_replaces(tmp_path: Path, right: Path) -> None:
    snapshots = tmp_path / "out" / "right" / "snapshots"
    write_pictures(snapshots, [good_picture(1)])
    entries = [
        {"name": "left", "source": {"uri": str(snapshots)}},
        {"name": "right", "source": {"uri": str(right)}},
    ]
    config = load_config(write_config(tmp_path, entries), {"output.overwrite": True})
    with pytest.raises(ConfigError, match="which this run would replace"):
        build_runs(config)
    assert len(list(snapshots.iterdir())) == 1


def test_an_engine_that_fails_its_check_does_not_stop_the_other_source(
    tmp_path: Path, left: Path, right: Path, engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BACKENDS, "openvino", "wrong_backend:WrongEngine")
    wrong = {"path": str(engine), "backend": "openvino"}
    entries = [
        {"name": "left", "source": {"uri": str(left)}, "engine": wrong},
        {"name": "right", "source": {"uri": str(right)}},
    ]
    assert main(["--config", str(write_config(tmp_path, entries))]) == 6
    out = tmp_path / "out"
    assert sorted(path.name for path in out.iterdir()) == ["right", "summary.json"]
    of_all = read_summary(out)
    assert [source["exit_code"] for source in of_all["sources"]] == [6, 0]
    assert of_all["total"]["captured"] == read_summary(out / "right")["captured"] == 9


class QuittingWindow:
    """A window in which a person presses q when the third picture is shown."""

    paused = False

    def __init__(self) -> None:
        self.shown: list[Image] = []
        self.closed = False

    def show(self, bgr: Image) -> None:
        self.shown.append(bgr)

    def poll(self) -> set[str]:
        return {QUIT} if len(self.shown) >= 3 else set()

    def close(self) -> None:
        self.closed = True


def test_q_in_the_window_stops_all_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    window = QuittingWindow()
    monkeypatch.setattr(operator_input, "open_window", lambda: window)
    entries = [
        {"name": "left", "source": WEB | {"frame_size": "64x48"}},
        {"name": "right", "source": WEB | {"frame_size": "96x64"}},
    ]
    assert main(["--config", str(write_config(tmp_path, entries)), "--show"]) == 0
    of_all = read_summary(tmp_path / "out")
    assert [source["status"] for source in of_all["sources"]] == ["stopped", "stopped"]
    assert is_balanced(of_all["total"])
    assert window.closed
    assert {picture.shape[1] for picture in window.shown} == {2 * 64}
