"""Tests what every sink in SINKS must do."""

import importlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from inspector.core.arrays import freeze
from inspector.core.errors import SinkError
from inspector.core.geometry import Affine
from inspector.core.protocols import CompletingSink, Sink
from inspector.core.types import (
    BadFrame,
    Defect,
    Frame,
    Inspection,
    RunInfo,
    Severity,
    SourceInfo,
    Verdict,
)
from inspector.outputs import SINKS
from inspector.outputs.json_log import read_log
from inspector.outputs.options import (
    DefectPictureOptions,
    ExplainedPictureOptions,
    OriginalsOptions,
    SnapshotOptions,
    VideoOptions,
)
from inspector.render.side_by_side import SideBySide

HW = (24, 32)
UTC = "2026-01-31T12:00:00.123Z"

ARGUMENTS: dict[str, tuple[str, list[Any]]] = {
    "video_file": ("out.mp4", [VideoOptions()]),
    "csv_log": ("out.csv", []),
    "defect_table": ("out.csv", []),
    "part_table": ("out.csv", []),
    "json_log": ("out.jsonl", []),
    "snapshots": ("out", [SnapshotOptions()]),
    "encoder_file": ("out.csv", []),
    "defect_pictures": ("out", [DefectPictureOptions()]),
    "originals": ("out", [OriginalsOptions()]),
    "explained_pictures": ("out", [ExplainedPictureOptions(when="all")]),
}


def count_pictures(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def count_files(path: Path) -> int:
    assert all(cv2.imread(str(p)) is not None for p in path.iterdir())
    return len(list(path.iterdir()))


def count_reports(path: Path) -> int:
    """Frames with a text and two pictures."""
    texts = list(path.glob("*.txt"))
    assert sum(cv2.imread(str(p)) is not None for p in path.glob("*.png")) == 2 * len(texts)
    return len(texts)


# A function that counts what a sink wrote, and the count for the four inspections below.
READERS: dict[str, tuple[Callable[[Path], int], int]] = {
    "video_file": (count_pictures, 4),
    "csv_log": (lambda path: path.read_bytes().count(b"\r\n") - 1, 2),
    "defect_table": (lambda path: path.read_bytes().count(b"\r\n") - 1, 0),
    "encoder_file": (lambda path: path.read_bytes().count(b"\r\n") - 1, 0),
    "part_table": (lambda path: path.read_bytes().count(b"\r\n") - 1, 0),
    "json_log": (lambda path: len(read_log(path)[1]), 4),
    "snapshots": (count_files, 2),
    "defect_pictures": (count_files, 2),
    "originals": (count_files, 3),
    "explained_pictures": (count_reports, 3),
}


def make(name: str, folder: Path) -> tuple[Sink, Path]:
    module, _, cls = SINKS[name].partition(":")
    file, options = ARGUMENTS[name]
    sink: Sink = getattr(importlib.import_module(module), cls)(folder / file, *options)
    return sink, folder / file


def run_info() -> RunInfo:
    source = SourceInfo("line", False, frame_hw=HW, time_base=Fraction(1, 25))
    engine = {"display_range": [0.0, 3.0]}
    return RunInfo(source, Path("out"), UTC, engine, {}, "c", "e", None, 1.5, 2.0)


def defect(number: int) -> Defect:
    outline = np.array(((4.0, 4.0), (9.0, 4.0), (9.0, 8.0)))
    box = (4.0, 4.0, 9.0, 8.0)
    return Defect(
        number,
        (outline,),
        0,
        box,
        (7.0, 5.0),
        10.0,
        6.4,
        3.0,
        40.0,
        3.0,
        2.5,
        Severity.LOW,
        "map",
        True,
        10.0,
        6.4,
        3.0,
    )


def inspections() -> list[Inspection]:
    """A pass, a fail with two defects, an error without a picture, and a pass."""
    image = freeze(np.full((*HW, 3), 90, np.uint8))
    frames = [Frame(i, "line", image, i, i / 25, UTC) for i in range(4)]
    seen = {"anomaly_map": np.ones((6, 8), np.float32), "to_frame": Affine(4, 4), "score": 1.0}
    failed = seen | {"score": 2.0, "defects": (defect(0), defect(1))}
    bad = BadFrame(2, "line", "torn", 2, 2 / 25, UTC)
    return [
        Inspection(frames[0], Verdict.PASS, 1.5, 2.0, **seen),
        Inspection(frames[1], Verdict.FAIL, 1.5, 2.0, **failed),
        Inspection(bad, Verdict.ERROR, 1.5, 2.0, error="torn", cause=bad.cause),
        Inspection(frames[3], Verdict.PASS, 1.5, 2.0, **seen),
    ]


def write_all(sink: Sink, items: list[Inspection] | None = None) -> None:
    render = SideBySide(display_range=(0, 3), unit="mm", frame_hw=HW)
    sink.open(run_info())
    for item in inspections() if items is None else items:
        if isinstance(sink, CompletingSink):
            item = sink.complete(item)
        sink.write(item, render(item))


def test_every_sink_of_the_table_is_covered_here() -> None:
    assert set(SINKS) == set(ARGUMENTS) == set(READERS)


@pytest.mark.parametrize("name", SINKS)
def test_it_takes_every_kind_of_inspection(name: str, tmp_path: Path) -> None:
    sink, path = make(name, tmp_path)
    write_all(sink)
    sink.close()
    count, expected = READERS[name]
    assert count(path) == expected


@pytest.mark.parametrize("name", SINKS)
def test_its_name_is_the_one_in_the_table(name: str, tmp_path: Path) -> None:
    assert make(name, tmp_path)[0].name == name


@pytest.mark.parametrize("name", SINKS)
def test_it_closes_twice_and_without_having_been_opened(name: str, tmp_path: Path) -> None:
    sink, path = make(name, tmp_path)
    sink.close()
    assert not path.exists()
    write_all(sink)
    sink.close()
    sink.close()
    assert READERS[name][0](path) == READERS[name][1]


@pytest.mark.parametrize("name", SINKS)
def test_what_was_written_is_readable_when_the_run_is_aborted(name: str, tmp_path: Path) -> None:
    sink, path = make(name, tmp_path)
    write_all(sink, inspections()[:2])
    sink.close()
    written = {"video_file": 2, "csv_log": 2, "defect_table": 0, "json_log": 2, "snapshots": 1}
    written |= {"defect_pictures": 2, "encoder_file": 0, "originals": 2, "part_table": 0}
    written |= {"explained_pictures": 2}
    assert READERS[name][0](path) == written[name]


@pytest.mark.parametrize("name", SINKS)
def test_a_run_without_frames_leaves_no_damaged_file(name: str, tmp_path: Path) -> None:
    sink, path = make(name, tmp_path)
    sink.open(run_info())
    sink.close()
    if path.exists():
        assert READERS[name][0](path) == 0


@pytest.mark.parametrize("name", SINKS)
def test_a_path_that_cannot_be_written_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sink, _ = make(name, tmp_path / "file")
    with pytest.raises(SinkError, match="file"):
        sink.open(run_info())
    sink.close()
