"""Gets a small picture of each defect: the stored one, or a part of a snapshot or of the video."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from calibration.units import SYMBOL, mm_per
from inspector.core.arrays import Image
from inspector.outputs.folder import SNAPSHOTS, VIDEO, find_segments, snapshot_name
from inspector.outputs.video_list import read_segment
from inspector.report.markup import data_uri
from inspector.report.run_log import VERDICTS, ReportDefect, RunLog
from inspector.report.video_frames import read_video_frames, read_video_times

LONGEST: Final = 340
"""Longer side of a picture in the report, px."""

LEAST_WINDOW: Final = 80
"""Shorter side of the part of a frame that is shown, px of the frame."""

LONGEST_STORED: Final = 520
"""The same for a stored picture, which can show the defect twice: clean, and with its outline."""

MOST_BYTES: Final = 18_000
"""Bytes of a picture: 200 of them take less than 5 MB as text."""

SAME_S: Final = 0.0005
"""Largest difference between the times of a frame in the log and in the video."""

_QUALITIES: Final = (85, 72, 60, 45, 30, 15)
_MARGIN: Final = 1.7
"""Sides of the part that is shown, as a multiple of the longer side of the defect."""


@dataclass(frozen=True, slots=True)
class DefectPicture:
    """uri: a JPEG as data URI. size: (width, height), px. origin: stored, snapshot or video."""

    uri: str
    size: tuple[int, int]
    origin: str

    @property
    def is_wide(self) -> bool:
        return self.size[0] > 1.4 * self.size[1]


def find_pictures(
    log: RunLog, defects: Sequence[ReportDefect], unit: str
) -> dict[int, DefectPicture]:
    """Number of the defect -> its picture. Defects without a picture are missing.

    unit: of the scale bar.
    """
    pictures: dict[int, DefectPicture] = {}
    for defect in defects:
        stored = _read_stored(log.folder, defect)
        if stored is not None:
            pictures[defect.number] = _encode(_fit(stored, LONGEST_STORED), "stored")
            continue
        panels = _read_snapshot(log, defect)
        crop = None if panels is None else _crop(log, defect, panels, unit)
        if crop is not None:
            pictures[defect.number] = _encode(crop, "snapshot")
    rest = [d for d in defects if d.number not in pictures and d.index is not None]
    for defect, panels in _read_video(log, rest):
        crop = _crop(log, defect, panels, unit)
        if crop is not None:
            pictures[defect.number] = _encode(crop, "video")
    return pictures


def _read_stored(folder: Path, defect: ReportDefect) -> Image | None:
    """A path that leads out of the folder is ignored: a log can come from elsewhere."""
    name = defect.picture
    if name is None and defect.track_id is None:
        # The log of a run without tracking does not name it.
        number = defect.values.get("defect_id")
        name = f"defects/frame_{defect.best.frame_id:08d}_defect_{number}.jpg"
    if not isinstance(name, str):
        return None
    path = (folder / name).resolve()
    return _read(path) if path.is_relative_to(folder.resolve()) else None


def _read_snapshot(log: RunLog, defect: ReportDefect) -> Image | None:
    if defect.index is None:
        return None
    verdict = VERDICTS[log.frames.verdicts[defect.index]]
    return _read(log.folder / SNAPSHOTS / snapshot_name(defect.best.frame_id, verdict))


def _read(path: Path) -> Image | None:
    """None if the file is missing, or if it is no picture."""
    try:
        content = path.read_bytes()
    except (OSError, ValueError):
        return None
    if not content:
        return None
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)


def _read_video(
    log: RunLog, defects: Iterable[ReportDefect]
) -> Iterator[tuple[ReportDefect, Image]]:
    """The pictures of a video, and of each of its segments, have the order of the log."""
    by_index: dict[int, list[ReportDefect]] = {}
    for defect in defects:
        assert defect.index is not None
        by_index.setdefault(defect.index, []).append(defect)
    if not by_index:
        return
    for path, start, end in _find_videos(log):
        indices = [index for index in sorted(by_index) if start <= index < end]
        places = _find_places(log, path, start, indices) if indices else {}
        for place, bgr in read_video_frames(path, list(places)) if places else ():
            for defect in by_index[places[place]]:
                yield defect, bgr


def _find_places(log: RunLog, path: Path, start: int, indices: Sequence[int]) -> dict[int, int]:
    """Number of a picture in the video -> index of its frame in the log, both rising.

    A file has a picture for each frame from `start` on. The video of a live source can leave out
    frames, so their times decide.
    """
    if not log.header.get("source_info", {}).get("live"):
        return {index - start: index for index in indices}
    shown_s, times_s = read_video_times(path), log.frames.times_s
    places = {}
    for index in indices:
        time_s = times_s[index] - times_s[start]
        place = bisect_left(shown_s, time_s - SAME_S)
        if place < len(shown_s) and shown_s[place] <= time_s + SAME_S:
            places[place] = index
    return places


def _find_videos(log: RunLog) -> Iterator[tuple[Path, int, int]]:
    """Each file with the index of its first frame in the log, and of the first frame that the next
    file has. It may hold fewer frames."""
    ids = log.frames.frame_ids
    if (log.folder / VIDEO).is_file():
        video = read_segment(log.folder / VIDEO)
        start = 0 if video is None else bisect_left(ids, video.first_frame_id)
        yield log.folder / VIDEO, start, len(ids)
    segments = [s for path in find_segments(log.folder) if (s := read_segment(path)) is not None]
    starts = [bisect_left(ids, segment.first_frame_id) for segment in segments]
    for segment, (start, end) in zip(segments, pairwise([*starts, len(ids)]), strict=True):
        yield segment.path, start, end


def _crop(log: RunLog, defect: ReportDefect, panels: Image, unit: str) -> Image | None:
    """The part of the left panel around the defect. The outline is drawn there already. None if
    the size of the frames is unknown."""
    scale, top = _left_panel(log, panels)
    if not scale or "box_px" not in defect.values:
        return None
    x0, y0, x1, y1 = (scale * float(value) for value in defect.values["box_px"])
    panel = panels[top:, : panels.shape[1] // 2]
    side = max(LEAST_WINDOW * scale, _MARGIN * max(x1 - x0, y1 - y0))
    columns = _window((x0 + x1) / 2, side, panel.shape[1])
    rows = _window((y0 + y1) / 2, side, panel.shape[0])
    if columns.stop <= columns.start or rows.stop <= rows.start:
        return None
    part = panel[rows, columns]
    picture = _fit(np.asarray(part, np.uint8))
    zoom = picture.shape[1] / part.shape[1]
    corners = np.array(((x0, y0), (x1, y1))) - (columns.start, rows.start)
    _mark_corners(picture, corners * zoom)
    _draw_scale(picture, defect, scale * zoom, unit)
    return picture


def _left_panel(log: RunLog, panels: Image) -> tuple[float, int]:
    """Panel pixels per frame pixel, and the height of the header above the panels."""
    frame_hw = log.header.get("source_info", {}).get("frame_hw")
    if not frame_hw:
        return 0.0, 0
    height, width = frame_hw
    scale = (panels.shape[1] // 2) / width
    shown = round(height * scale)
    return scale, panels.shape[0] - (shown + shown % 2)


def _window(middle: float, side: float, length: int) -> slice:
    start = min(max(middle - side / 2, 0), max(length - side, 0))
    return slice(int(start), min(math.ceil(start + side), length))


def _fit(picture: Image, longest: int = LONGEST) -> Image:
    scale = longest / max(picture.shape[:2])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    width, height = (max(1, round(side * scale)) for side in picture.shape[1::-1])
    return np.asarray(cv2.resize(picture, (width, height), interpolation=method), np.uint8)


def _draw_scale(picture: Image, defect: ReportDefect, pixels: float, unit: str) -> None:
    """Draws a bar of a round length. pixels: of the picture per frame pixel."""
    values = defect.values
    if unit != "px":
        if not values.get("length_mm") or not values.get("length_px"):
            return
        pixels *= values["length_px"] / values["length_mm"] * mm_per(unit)
    most = picture.shape[1] / 3 / pixels
    length = 10.0 ** math.floor(math.log10(most))
    length *= next(factor for factor in (5, 2, 1) if factor * length <= most)
    right, y = 10 + round(length * pixels), picture.shape[0] - 10
    label = f"{length:g} {SYMBOL.get(unit, unit)}"
    for colour, grow in (((0, 0, 0), 2), ((255, 255, 255), 0)):
        cv2.rectangle(picture, (10 - grow, y - 3 - grow), (right + grow, y + grow), colour, -1)
        place, font = (10, y - 9), cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(picture, label, place, font, 0.45, colour, 1 + 2 * (grow > 0), cv2.LINE_AA)


def _mark_corners(picture: Image, box: npt.NDArray[np.float64]) -> None:
    """Marks the box of the defect, because other defects can be in the picture. box: upper left and
    lower right corner, px of the picture."""
    (x0, y0), (x1, y1) = np.add(box, ((-5, -5), (5, 5))).round().astype(int).tolist()
    arm = max(5, min(x1 - x0, y1 - y0) // 4)
    for colour, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        for x, step_x in ((x0, arm), (x1, -arm)):
            for y, step_y in ((y0, arm), (y1, -arm)):
                cv2.line(picture, (x, y), (x + step_x, y), colour, width)
                cv2.line(picture, (x, y), (x, y + step_y), colour, width)


def _encode(picture: Image, origin: str) -> DefectPicture:
    content = b""
    for quality in _QUALITIES:
        encoded, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if not encoded:
            raise ValueError("OpenCV cannot write JPEG pictures")
        content = data.tobytes()
        if len(content) <= MOST_BYTES:
            break
    size = picture.shape[1], picture.shape[0]
    return DefectPicture(data_uri("image/jpeg", content), size, origin)
