"""Tests where the pictures of a report come from, and how large they are."""

import base64
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from output_parts import run_info
from report_pages import report_of, visible
from report_runs import closed, frames, ledger, scratch, write_log, write_run, write_summary

from inspector.core.arrays import Image
from inspector.core.types import Verdict
from inspector.outputs.options import VideoOptions
from inspector.outputs.video_file import VideoFileSink
from inspector.report.pictures import MOST_BYTES, DefectPicture, find_pictures
from inspector.report.reading import read_run
from inspector.report.video_frames import read_video_frames

HEADER, HEIGHT, WIDTH = 10, 24, 32
"""Rows above the panels, and the size of a frame, px."""


def panels(grey: int, box: tuple[int, int, int, int] | None = None) -> Image:
    """Both panels below a white header. box: x0, y0, x1, y1 of the frame that is red."""
    picture = np.full((HEADER + HEIGHT, 2 * WIDTH, 3), grey, np.uint8)
    picture[:HEADER] = 255
    if box is not None:
        x0, y0, x1, y1 = box
        picture[HEADER + y0 : HEADER + y1, x0:x1] = (0, 0, 255)
    return picture


def decode(picture: DefectPicture) -> Image:
    content = base64.b64decode(picture.uri.partition(",")[2])
    assert len(content) <= MOST_BYTES
    return np.asarray(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def is_red(image: Image) -> bool:
    return bool(((image[..., 2] > 170) & (image[..., 0] < 90)).any())


def write_video(path: Path, count: int, shown: int) -> None:
    """Frame `shown` has a red box, the others are grey."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"g": "30", "bf": "0", "crf": "5"})
        stream.width, stream.height, stream.pix_fmt = 2 * WIDTH, HEADER + HEIGHT, "yuv420p"
        for number in range(count):
            bgr = panels(100, (4, 6, 20, 16) if number == shown else None)
            frame = av.VideoFrame.from_ndarray(bgr, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def test_a_picture_is_cut_from_the_snapshot_of_its_frame(tmp_path: Path):
    folder = write_run(tmp_path, frames(4, {2: (scratch(0, 1.0),)}))
    (folder / "snapshots").mkdir()
    cv2.imwrite(str(folder / "snapshots/frame_00000002_FAIL.jpg"), panels(100, (4, 6, 20, 16)))
    log = read_run(folder)
    picture = find_pictures(log, log.defects, "mm")[1]
    assert picture.origin == "snapshot"
    assert is_red(decode(picture))
    assert picture.size == (340, 255)  # the whole left panel, without the header
    assert "picture from snapshots" in visible(report_of(folder)["report.html"])


@pytest.mark.parametrize("shown", [3, 61, 95])
def test_a_picture_is_cut_from_the_frame_of_the_video(shown: int, tmp_path: Path):
    """Frame 7 was dropped, so the picture of a later frame has a smaller number in the video."""
    rows = frames(100, {k: (scratch(0, 1.0 + k),) for k in (1, shown)}, skip=(7,))
    folder = write_run(tmp_path, rows, dropped=1)
    index = [row.frame_id for row in rows].index(shown)
    write_video(folder / "annotated.mp4", 99, index)
    log = read_run(folder)
    pictures = find_pictures(log, log.defects, "mm")
    by_frame = {d.best.frame_id: pictures[d.number] for d in log.defects}
    assert {picture.origin for picture in by_frame.values()} == {"video"}
    assert is_red(decode(by_frame[shown]))
    assert not is_red(decode(by_frame[1]))


class Panels:
    """A picture for the video."""

    def __init__(self, bgr: Image) -> None:
        self._bgr = bgr

    def i420(self) -> Image:
        return np.asarray(cv2.cvtColor(self._bgr, cv2.COLOR_BGR2YUV_I420), np.uint8)

    def bgr(self) -> Image:
        return self._bgr


@pytest.mark.parametrize("minutes", [None, 0.02])
def test_the_video_of_a_live_source_may_lack_frames(minutes: float | None, tmp_path: Path):
    """Only frame 61 has a red box. Frame 60 has a defect, but the video lacks it."""
    lacks = {0, 1, 5, 30, 31, 58, 60}
    rows = frames(70, {k: (scratch(0, 1.0 + k),) for k in (4, 60, 61)})
    rows = [replace(row, frame=replace(row.frame, pts_s=None)) for row in rows]
    folder = write_summary(write_log(tmp_path / "run", rows, live=True), rows)
    info = run_info()
    source = replace(info.source, live=True, time_base=None, frame_hw=(HEIGHT, WIDTH))
    sink = VideoFileSink(folder / "annotated.mp4", VideoOptions(crf=5, segment_minutes=minutes))
    sink.open(replace(info, source=source))
    for row in rows:
        if row.frame_id not in lacks:
            box = (4, 6, 20, 16) if row.frame_id == 61 else None
            sink.write(row, Panels(panels(100, box)))
    sink.close()
    log = read_run(folder)
    pictures = find_pictures(log, log.defects, "mm")
    shown = {d.best.frame_id: pictures[d.number] for d in log.defects if d.number in pictures}
    assert {frame_id: is_red(decode(p)) for frame_id, p in shown.items()} == {4: False, 61: True}


def test_a_stored_picture_comes_first(tmp_path: Path):
    size = scratch(1, 2.0, track_id="run/main/d1")
    rows = frames(2, {0: (size,)})
    folder = write_log(
        tmp_path / "run",
        [*rows, closed("run/main/d1", size, 0, 0, 0), ledger(1)],
        tracking={"enabled": True},
    )
    path = write_summary(folder, rows) / "inspections.jsonl"
    path.write_text(path.read_text().replace('"picture":null', '"picture":"defects/d1.jpg"'))
    log = read_run(folder)
    assert find_pictures(log, log.defects, "mm") == {}
    assert "no picture kept" in visible(report_of(folder)["report.html"])
    (folder / "defects").mkdir()
    cv2.imwrite(str(folder / "defects/d1.jpg"), np.full((900, 600, 3), (0, 0, 255), np.uint8))
    picture = find_pictures(log, log.defects, "mm")[1]
    assert (picture.origin, picture.size) == ("stored", (347, 520))


def test_a_stored_picture_without_tracking_has_the_name_of_frame_and_defect(tmp_path: Path):
    folder = write_run(tmp_path, frames(9, {7: (scratch(0, 1.0, defect_id=3),)}))
    (folder / "defects").mkdir()
    cv2.imwrite(str(folder / "defects/frame_00000007_defect_3.jpg"), panels(90))
    log = read_run(folder)
    assert find_pictures(log, log.defects, "mm")[1].origin == "stored"


@pytest.mark.parametrize("place", ["../secret.jpg", "/etc/hostname", "defects/../../secret.jpg"])
def test_a_path_that_leads_out_of_the_folder_is_ignored(place: str, tmp_path: Path):
    cv2.imwrite(str(tmp_path / "secret.jpg"), panels(50))
    folder = write_run(tmp_path / "run", frames(2, {0: (scratch(0, 1.0),)}))
    log = read_run(folder)
    log.defects[0].picture = place
    assert find_pictures(log, log.defects, "mm") == {}


@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_damaged_files_give_no_picture(content: bytes, tmp_path: Path):
    folder = write_run(tmp_path, frames(4, {2: (scratch(0, 1.0),)}))
    (folder / "snapshots").mkdir()
    (folder / "snapshots/frame_00000002_FAIL.jpg").write_bytes(content)
    (folder / "annotated.mp4").write_bytes(content)
    log = read_run(folder)
    assert find_pictures(log, log.defects, "mm") == {}


def test_frames_of_an_unknown_size_give_no_picture(tmp_path: Path):
    folder = write_run(tmp_path, frames(4, {2: (scratch(0, 1.0),)}))
    (folder / "snapshots").mkdir()
    cv2.imwrite(str(folder / "snapshots/frame_00000002_FAIL.jpg"), panels(100))
    log = read_run(folder)
    log.header["source_info"]["frame_hw"] = None
    assert find_pictures(log, log.defects, "mm") == {}


def test_a_shorter_video_gives_the_pictures_it_has(tmp_path: Path):
    write_video(tmp_path / "v.mp4", 50, 3)
    assert [index for index, _ in read_video_frames(tmp_path / "v.mp4", [3, 49, 50, 80])] == [3, 49]


def test_a_thin_crop_at_the_border_stays_in_the_panel(tmp_path: Path):
    edge = replace(scratch(0, 1.0), box_px=(30.0, 22.0, 32.0, 24.0))
    folder = write_run(tmp_path, frames(4, {2: (edge,)}))
    (folder / "snapshots").mkdir()
    cv2.imwrite(str(folder / "snapshots/frame_00000002_FAIL.jpg"), panels(100, (30, 22, 32, 24)))
    log = read_run(folder)
    assert is_red(decode(find_pictures(log, log.defects, "mm")[1]))
    assert log.frames.count(Verdict.FAIL.value) == 1
