"""Scenes for the tracking stage: rectangles on a web that moves in scripted steps."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from calibration.plane import Calibration
from inspector.core.arrays import freeze
from inspector.core.events import DefectClosed, Event, Ledger
from inspector.core.types import (
    BadFrame,
    Cause,
    Defect,
    Frame,
    Inspection,
    Severity,
    Verdict,
)
from inspector.tracking.motion import START, Motion, MotionState
from inspector.tracking.options import TrackingOptions
from inspector.tracking.setup import TrackingSetup
from inspector.tracking.stage import TrackingStage

SIDE = 100
"""Frames are SIDE x SIDE pixels. The web moves up: row y of a frame shows web px position + y."""

IMAGE = freeze(np.zeros((SIDE, SIDE, 3), np.uint8))

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 on the web in px."""


class ScriptedMotion:
    """frame_id -> motion since the previous frame. A float is a known motion without error; None is
    unknown motion."""

    def __init__(self, steps: Mapping[int, float | Motion | None]) -> None:
        self._steps = steps
        self._started = False

    def step(self, frame: Frame | BadFrame, *, usable: bool) -> Motion:
        if not self._started:
            self._started = True
            return START
        step = self._steps[frame.frame_id]
        if step is None:
            return Motion(0.0, 0.0, 0.0, MotionState.UNKNOWN)
        return step if isinstance(step, Motion) else Motion(step, 0.0, 0.0, MotionState.KNOWN)


def outline(box: Box) -> Any:
    x0, y0, x1, y1 = box
    return np.array(((x0, y0), (x1, y0), (x1, y1), (x0, y1)), dtype=np.float64)


def defect(*boxes: Box, number: int = 0, **changes: Any) -> Defect:
    """A defect in frame pixels, cut off at the borders of the frame. Several boxes are connected:
    the first is its outline in the scene, the others add to its box."""
    x0, y0 = min(b[0] for b in boxes), min(b[1] for b in boxes)
    x1, y1 = max(b[2] for b in boxes), max(b[3] for b in boxes)
    cut = y0 <= 0.5 or y1 >= SIDE - 0.5 or x0 <= 0.5 or x1 >= SIDE - 0.5
    box = max(x0, 0.0), max(y0, 0.0), min(x1, SIDE), min(y1, SIDE)
    length, width = max(box[2] - box[0], box[3] - box[1]), min(box[2] - box[0], box[3] - box[1])
    values: dict[str, Any] = {
        "defect_id": number,
        "polygons": tuple(np.clip(outline(b), 0, SIDE) for b in boxes),
        "holes": 0,
        "box_px": box,
        "centroid_px": ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2),
        "area_px": length * width,
        "length_px": length,
        "width_px": width,
        "orientation_deg": 0.0,
        "peak_score": 2.0,
        "mean_score": 1.0,
        "severity": Severity.LOW,
        "size_source": "refined",
        "truncated": cut,
        "map_area_px": length * width,
        "map_length_px": length,
        "map_width_px": width,
    }
    return Defect(**(values | changes))


def inspect(
    frame_id: int, defects: Sequence[Defect] = (), *, cause: Cause | None = None
) -> Inspection:
    frame = Frame(frame_id, "web", IMAGE, frame_id * 10**8, frame_id / 10, f"t{frame_id}")
    if cause is not None:
        return Inspection(frame, Verdict.ERROR, 1.0, 1.0, error="bad", cause=cause)
    verdict = Verdict.FAIL if defects else Verdict.PASS
    return Inspection(frame, verdict, 1.0, 1.0, score=0.5, defects=tuple(defects))


def view(boxes: Sequence[Box | tuple[Box, ...]], position: float) -> list[Defect]:
    """The defects that a frame at a position shows. A tuple of boxes is one connected outline."""
    seen = []
    for entry in boxes:
        group = entry if isinstance(entry[0], tuple) else (entry,)
        moved = [(b[0], b[1] - position, b[2], b[3] - position) for b in group]  # type: ignore[index]
        moved = [b for b in moved if b[3] > 0 and b[1] < SIDE]
        if moved:
            seen.append(defect(*moved, number=len(seen)))  # type: ignore[arg-type]
    return seen


def make_stage(
    steps: Mapping[int, float | Motion | None],
    *,
    calibration: Calibration | None = None,
    options: TrackingOptions | None = None,
    **setup: Any,
) -> TrackingStage:
    options = options or TrackingOptions(enabled=True, direction="up")
    whole = TrackingSetup(
        options=options, calibration=calibration, prefix="run", live=False, **setup
    )
    return TrackingStage(whole, ScriptedMotion(steps))


def see(stage: TrackingStage, inspection: Inspection) -> tuple[Inspection, Sequence[Event]]:
    """Passes an inspection to the follower and to the stage, as the two threads do."""
    return stage.see(stage.follower.follow(inspection))


def run_stage(stage: TrackingStage, inspections: Sequence[Inspection]) -> list[Event]:
    events: list[Event] = []
    for inspection in inspections:
        events += see(stage, inspection)[1]
    return [*events, *stage.flush()]


def run_web(
    boxes: Sequence[Box | tuple[Box, ...]],
    steps: Sequence[float],
    *,
    skip: Sequence[int] = (),
    missed: Sequence[int] = (),
    errors: Mapping[int, Cause] | None = None,
) -> tuple[list[DefectClosed], Ledger]:
    """Runs a web in steps. skip: frames that are dropped. missed: frames in which nothing is
    detected. errors: frame -> cause."""
    positions = np.concatenate(((0.0,), np.cumsum(steps)))
    known: dict[int, float | Motion | None] = {}
    inspections, last = [], 0.0
    for frame_id, position in enumerate(positions.tolist()):
        if frame_id in skip:
            continue
        known[frame_id], last = position - last, position
        cause = (errors or {}).get(frame_id)
        seen = [] if cause or frame_id in missed else view(boxes, position)
        inspections.append(inspect(frame_id, seen, cause=cause))
    return split(run_stage(make_stage(known), inspections))


def split(events: Sequence[Event]) -> tuple[list[DefectClosed], Ledger]:
    closed = [event for event in events if isinstance(event, DefectClosed)]
    (ledger,) = (event for event in events if isinstance(event, Ledger))
    return closed, ledger
