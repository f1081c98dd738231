"""Writes the heat map, the boxes and a text of each explained frame."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import cv2

from inspector.core.arrays import Image
from inspector.core.errors import SinkError
from inspector.core.explanation import Hotspot, Reason
from inspector.core.file_hash import FileState, state_of
from inspector.core.protocols import Picture
from inspector.core.types import Defect, Inspection, RunInfo, Verdict
from inspector.outputs.files import make_folder
from inspector.outputs.jpeg import write_picture
from inspector.outputs.options import ExplainedPictureOptions
from inspector.outputs.originals import FAST_PNG
from inspector.render.explained import draw_boxes, draw_heatmap

HEATMAP: Final = "_heatmap.png"
BOXES: Final = "_boxes.png"
REPORT: Final = "_report.txt"


class ExplainedPictureSink:
    """Writes frame_00001234_heatmap.png, ..._boxes.png and ..._report.txt into `folder`.

    The first options.max_count frames have files. A frame without a map has none.
    """

    name = "explained_pictures"

    def __init__(self, folder: Path, options: ExplainedPictureOptions) -> None:
        self._folder = folder
        self._options = options
        self._display_range = (0.0, 1.0)
        self._count = 0
        self._states: dict[Path, FileState | None] = {}

    def open(self, run: RunInfo) -> None:
        low, high = run.engine["display_range"]
        self._display_range = (low, high)
        make_folder(self._folder)

    def write(self, inspection: Inspection, picture: Picture) -> None:
        fails = inspection.verdict is Verdict.FAIL
        if self._count == self._options.max_count or not (fails or self._options.when == "all"):
            return
        if inspection.anomaly_map is None or inspection.frame.image is None:
            return
        name = f"frame_{inspection.frame_id:08d}"
        for suffix, data in encode_explained(inspection, self._display_range).items():
            path = self._folder / f"{name}{suffix}"
            write_picture(path, data)
            self._states[path] = state_of(data)
        self._count += 1

    def take_states(self) -> Mapping[Path, FileState | None]:
        states, self._states = self._states, {}
        return states

    def close(self) -> None:
        """Does nothing, because write() closes each file."""


def encode_explained(
    inspection: Inspection, display_range: tuple[float, float], hotspots: Sequence[Hotspot] = ()
) -> dict[str, bytes]:
    """End of the file name -> content. The inspection must have a picture and a map. hotspots: for
    the text. Raises SinkError."""
    image, to_frame = inspection.frame.image, inspection.to_frame
    assert image is not None
    assert to_frame is not None
    assert inspection.anomaly_map is not None
    heatmap = draw_heatmap(image, inspection.anomaly_map, to_frame, display_range)
    return {
        HEATMAP: _encode_png(heatmap),
        BOXES: _encode_png(draw_boxes(image, inspection.defects)),
        REPORT: format_report(inspection, hotspots).encode("utf-8", "backslashreplace"),
    }


def format_report(inspection: Inspection, hotspots: Sequence[Hotspot] = ()) -> str:
    """Verdict, summary, and for each defect its sentence, its figures and what decided its kind.
    Then the sentence of each hotspot."""
    frame = inspection.frame
    lines = [
        f"picture: {frame.name or f'frame {frame.frame_id} of {frame.source_id}'}",
        f"verdict: {inspection.verdict.value}",
        f"score: {inspection.score:.4g}, threshold {inspection.image_threshold:.4g}"
        if inspection.score is not None
        else f"score: none; {inspection.error}",
    ]
    lines += [f"summary: {inspection.summary}"] if inspection.summary is not None else []
    for defect in inspection.defects:
        lines += ["", *_describe_defect(defect)]
    lines += [f"hotspot {number}: {spot.sentence}" for number, spot in enumerate(hotspots, 1)]
    return "\n".join(lines) + "\n"


def _describe_defect(defect: Defect) -> Sequence[str]:
    head = f"defect {defect.defect_id}"
    explanation = defect.explanation
    if explanation is None:
        return [f"{head}: not explained (explain.max_defects)"]
    reasons = ", ".join(map(_describe_reason, explanation.reasons))
    figures = ", ".join(f"{name} {value:.4g}" for name, value in explanation.figures.items())
    return [
        f"{head}: {explanation.sentence}",
        f"  kind {explanation.kind} because: {reasons}",
        f"  figures: {figures}",
        f"  box in px: {', '.join(f'{value:.1f}' for value in defect.box_px)}",
        f"  peak score {defect.peak_score:.4g}, mean score {defect.mean_score:.4g}",
    ]


def _describe_reason(reason: Reason) -> str:
    return f"{reason.figure} {reason.value:.4g} {reason.side} {reason.limit:g}"


def _encode_png(image: Image) -> bytes:
    encoded, data = cv2.imencode(".png", image, FAST_PNG)
    if not encoded:
        raise SinkError("a picture with explanations cannot be encoded")
    return bytes(data.tobytes())
