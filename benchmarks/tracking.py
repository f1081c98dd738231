"""Measures the counting of defects on a moving web, and the sums of its ledger.

python -m benchmarks.tracking [--defects 10000] [--rendered 100] [--pipeline 1000]. The first part
has ideal sightings of known defects, with motion from an encoder and from overlapping frames. The
second part renders frames and measures the motion from them. The third part runs the whole program
on pictures, with kill -9 and a restart (benchmarks/tracking_pipeline.py).
"""

import argparse
import copy
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.tracking_pipeline import run_pipelines
from benchmarks.web_frames import WebCamera
from benchmarks.web_lines import (
    HW,
    KINDS,
    MM_PER_PX,
    Line,
    TrueMotion,
    WebDefect,
    make_line,
    scatter,
)
from benchmarks.web_sightings import make_inspection, sightings
from calibration.plane import Calibration
from inspector.core.arrays import Image, freeze
from inspector.core.events import DefectClosed, Event, Ledger
from inspector.measure import shape
from inspector.tracking.motion import MotionSource
from inspector.tracking.options import TrackingOptions
from inspector.tracking.setup import EarlierRun, TrackingSetup
from inspector.tracking.stage import TrackingStage

SPEEDS = (0.05, 0.15, 0.3, 0.45, 0.7)
"""Way of the web per frame in shares of the frame."""

BLANK = freeze(np.zeros((*HW, 3), np.uint8))


@dataclass(slots=True)
class Result:
    """What a run counted. seen: true defects that were in at least one frame. A U whose bar was
    never shown counts as two, because nothing tells that its legs are connected."""

    seen: int = 0
    closed: int = 0
    low: int = 0
    doubled: int = 0
    lost: int = 0
    outside: int = 0
    frames: int = 0
    cpu_s: float = 0.0
    ledger_error: float = 0.0
    gaps: int = 0
    single_errors: list[float] = field(default_factory=list)
    track_errors: list[float] = field(default_factory=list)
    coverage: list[bool] = field(default_factory=list)


def make_stage(
    motion: MotionSource | None, options: TrackingOptions | None = None
) -> TrackingStage:
    calibration = Calibration(
        "scale", HW, "simulated", "2026-01-01T00:00:00Z", mm_per_px=(MM_PER_PX, MM_PER_PX)
    )
    setup = TrackingSetup(
        options=options or TrackingOptions(enabled=True),
        calibration=calibration,
        prefix="run",
        live=False,
    )
    return TrackingStage(setup, motion)


def run_line(
    line: Line,
    defects: Sequence[WebDefect],
    make_motion: Callable[[dict[int, float]], MotionSource | None],
    rng: np.random.Generator,
    camera: WebCamera | None = None,
    *,
    missed: float = 0.0,
) -> Result:
    """Passes the frames of a line to the tracking of one run, or of two if it was killed.

    make_motion: frame_id -> position in px -> source of the motion. camera: None for frames without
    a picture. missed: share of sightings that are left out.
    """
    low = np.array([defect.low for defect in defects])
    high = np.array([defect.high for defect in defects])
    events: list[Event] = []
    result, seen = Result(), dict[int, int]()
    earlier: EarlierRun | None = None
    for frames in line.runs():
        stage = make_stage(make_motion({f: p for _, f, _, p in frames}))
        if earlier is not None:
            stage.follower.continue_run(earlier)
        for index, frame_id, seconds, position in frames:
            errored = bool(line.errored[index])
            near = np.flatnonzero((high > position) & (low < position + HW[0])).tolist()
            nearby = [defects[i] for i in near]
            shown = [] if errored else sightings(nearby, position, rng, missed=missed)
            for defect in shown:
                number = int(defect.mean_score)
                legs = len(defects[number].pieces) == 3 and len(defect.polygons[0]) == 4
                seen[number] = min(seen.get(number, 2), 2 if legs else 1)
            image: Image = BLANK if camera is None else camera.frame(position, index)
            inspection = make_inspection(frame_id, seconds, image, shown, errored=errored)
            for defect in shown:
                if not defect.truncated:
                    true = _true_length(defects[int(defect.mean_score)])
                    result.single_errors.append((defect.length_mm or 0.0) - true)
            start = time.process_time()
            _, new = stage.see(stage.follower.follow(inspection))
            result.cpu_s += time.process_time() - start
            result.frames += 1
            events += new
        earlier = copy.deepcopy(_state(stage))
        events += stage.flush()  # after a kill, `recover` does this
    _count(result, events, defects, seen)
    result.ledger_error = ledger_error([e for e in events if isinstance(e, Ledger)], line)
    return result


def _state(stage: TrackingStage) -> EarlierRun:
    follower = stage.follower
    assert follower.tracker is not None
    encoder_mm = follower.encoder_mm
    return EarlierRun(follower.tracker, HW, encoder_mm, follower.ids.text)


def _count(
    result: Result, events: Sequence[Event], defects: Sequence[WebDefect], seen: dict[int, int]
) -> None:
    closed = [e for e in events if isinstance(e, DefectClosed)]
    ledgers = [e for e in events if isinstance(e, Ledger)]
    tracks = {e.track_id: int(e.defect.mean_score) for e in closed if e.defect is not None}
    times = Counter(tracks.values())
    continued = sum(ledger.defects_continued for ledger in ledgers)
    result.seen, result.closed = sum(seen.values()), len(closed) - continued
    result.low = sum(ledger.defects_low for ledger in ledgers) - continued
    result.doubled = sum(max(0, count - seen[number]) for number, count in times.items())
    result.lost = sum(max(0, count - times[number]) for number, count in seen.items())
    result.outside = int(not result.low <= result.seen <= result.closed)
    result.gaps = sum(ledger.gap_count for ledger in ledgers)
    for event in closed:
        defect = event.defect
        if defect is not None and not defect.truncated and defect.length_u_mm is not None:
            error = (defect.length_mm or 0.0) - _true_length(defects[int(defect.mean_score)])
            result.track_errors.append(error)
            result.coverage.append(abs(error) <= 2 * defect.length_u_mm)


def _true_length(defect: WebDefect) -> float:
    corners = np.array([(x, y) for p in defect.pieces for x in (p[0], p[2]) for y in (p[1], p[3])])
    return shape.max_feret(corners)[0] * MM_PER_PX


def true_ledger(line: Line) -> dict[str, float]:
    """Exact lengths of web in px: total, inspected once, more often, and not at all."""
    edges: list[float] = []
    spans: list[tuple[float, float, bool]] = []
    for index, _, _, position in line.frames():
        spans.append((position, position + HW[0], not line.errored[index]))
        edges += spans[-1][:2]
    grid = np.unique(np.array(edges))
    counts = np.zeros(len(grid) - 1, np.int64)
    for low, high, inspected in spans:
        first, last = np.searchsorted(grid, (low, high))
        counts[first:last] += inspected
    lengths = np.diff(grid)
    return {
        "total": float(lengths.sum()),
        "once": float(lengths[counts == 1].sum()),
        "more": float(lengths[counts > 1].sum()),
        "none": float(lengths[counts == 0].sum()),
    }


def ledger_error(ledgers: Sequence[Ledger], line: Line) -> float:
    """Largest difference to the true areas, in shares of the total. After a kill only the total
    and the area that was not inspected: the view at the kill is inspected in both runs."""
    true = true_ledger(line)
    width = HW[1] * MM_PER_PX * MM_PER_PX
    measured = {
        "total": sum(ledger.total for ledger in ledgers),
        "none": sum(sum(ledger.not_inspected_by_cause.values()) for ledger in ledgers),
    }
    if len(ledgers) == 1:
        measured |= {"once": ledgers[0].inspected_once, "more": ledgers[0].inspected_more}
    return max(abs(measured[k] - true[k] * width) for k in measured) / (true["total"] * width)


def run_ideal(kind: str, motion: str, defects_per_speed: int, seed: int) -> Result:
    """All speeds of one kind of disturbance."""
    total = Result()
    for number, speed in enumerate(SPEEDS):
        rng = np.random.default_rng((seed, number))
        defects = scatter(defects_per_speed, rng)
        length = defects[-1].high + 2 * HW[0]
        line = make_line(kind, speed * HW[0], length, rng)
        overlap = None if motion == "encoder" else 0.2
        make_motion = partial(TrueMotion, rng=rng, scale=MM_PER_PX, overlap=overlap)
        # At higher speeds a defect that is missed once may be missed in all frames.
        missed = 0.05 if speed <= 0.3 else 0.0
        _add(total, run_line(line, defects, make_motion, rng, missed=missed))
    return total


def _add(total: Result, result: Result) -> None:
    for name in ("seen", "closed", "low", "doubled", "lost", "outside", "frames", "cpu_s", "gaps"):
        setattr(total, name, getattr(total, name) + getattr(result, name))
    total.ledger_error = max(total.ledger_error, result.ledger_error)
    total.single_errors += result.single_errors
    total.track_errors += result.track_errors
    total.coverage += result.coverage


def run_rendered(kind: str, speed: float, count: int, seed: int) -> Result:
    """Frames are rendered, and the motion comes from the pictures. Sightings are ideal."""
    rng = np.random.default_rng(seed)
    defects = scatter(count, rng)
    line = make_line(kind, speed * HW[0], defects[-1].high + 2 * HW[0], rng)
    camera = WebCamera(defects, seed)
    return run_line(line, defects, lambda _: None, rng, camera)


def describe(name: str, result: Result) -> dict[str, Any]:
    """Prints a row of the table and returns its figures."""
    rms = _rms(result.track_errors)
    row = {
        "seen": result.seen,
        "count": [result.low, result.closed],
        "doubled": result.doubled,
        "lost": result.lost,
        "interval_misses": result.outside,
        "gaps": result.gaps,
        "ledger_error_percent": round(100 * result.ledger_error, 4),
        "cpu_ms_per_frame": round(1e3 * result.cpu_s / max(result.frames, 1), 3),
        "length_rms_single_mm": _rms(result.single_errors),
        "length_rms_track_mm": rms,
        "length_within_u": round(float(np.mean(result.coverage)), 3) if result.coverage else None,
    }
    print(f"{name:34s} " + " ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    return row


def _rms(errors: Sequence[float]) -> float | None:
    values: npt.NDArray[np.float64] = np.array(errors)
    return round(float(np.sqrt(np.mean(values**2))), 4) if len(values) else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--defects", type=int, default=10000, help="for each source of motion")
    parser.add_argument("--rendered", type=int, default=100, help="defects in rendered frames")
    parser.add_argument("--pipeline", type=int, default=1000, help="defects for whole runs")
    arguments = parser.parse_args()
    figures: dict[str, Any] = {}
    per_speed = arguments.defects // (len(KINDS) * len(SPEEDS))
    for motion in ("encoder", "overlap"):
        for kind in KINDS:
            result = run_ideal(kind, motion, max(2, per_speed), seed=1)
            figures[f"{motion}, {kind}"] = describe(f"{motion}, {kind}", result)
    per_run = max(2, arguments.rendered // 5)
    if arguments.rendered:
        for kind, speed in zip(KINDS[1:6], reversed(SPEEDS), strict=True):
            result = run_rendered(kind, speed, per_run, seed=2)
            figures[f"rendered, {kind}"] = describe(f"rendered, {kind}, {speed:.2f}", result)
    if arguments.pipeline:
        figures |= run_pipelines(max(2, arguments.pipeline // len(SPEEDS)), SPEEDS)
    print(json.dumps({"tracking": figures}))


if __name__ == "__main__":
    main()
