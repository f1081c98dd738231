"""Reads the measurements of a gauge study from the results of several runs of the inspector.

Each run is a trial with the same parts. Frames are matched by the names of their pictures, by their
order if the runs have no name in common, or by their numbers if they have no names. Defects of a
frame are matched by the distance of their centres.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.optimize import linear_sum_assignment

from evaluation.gauge.design import Measurement
from inspector.core.errors import DataError
from inspector.core.types import ON_FRAME
from inspector.outputs.json_log import read_log

LOG: Final = "inspections.jsonl"

UNITS: Final = {"length": ("mm", "px"), "width": ("mm", "px"), "area": ("mm2", "px2")}
"""Size that can be studied -> its unit with and without a calibration."""

Record = Mapping[str, Any]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Reading:
    """unit: "" for verdicts. unmatched: a sentence for each part that is not in every run, or has
    no value there; these parts are not in the rows. warnings: sentences about values that are in
    the rows but weak."""

    rows: list[Measurement]
    unit: str
    unmatched: list[str]
    warnings: list[str]


@dataclass(slots=True)
class _Part:
    """centre: where the first run saw it, px. defects: run -> record of the defect."""

    name: str
    centre: Point
    defects: dict[int, Record] = field(default_factory=dict)


def read_sizes(
    folders: Sequence[Path], appraisers: Sequence[str], size: str, tolerance_px: float
) -> Reading:
    """folders: of the runs. appraisers: name of the appraiser of each run. size: key of UNITS.
    tolerance_px: largest distance between the centres of a defect in two runs. Raises DataError."""
    frames, note = _read_runs(folders)
    parts = [
        part
        for name in dict.fromkeys(name for run in frames for name in run)
        for part in _match(name, [run.get(name) for run in frames], tolerance_px)
    ]
    defects = [defect for part in parts for defect in part.defects.values()]
    calibrated = any(defect[f"{size}_{UNITS[size][0]}"] is not None for defect in defects)
    key = f"{size}_{UNITS[size][0] if calibrated else 'px'}"
    complete = [part for part in parts if not _runs_without(part, key, len(folders))]
    if not complete:
        raise DataError(
            f"no defect is in all {len(folders)} runs: {len(parts)} defects were compared by the "
            f"centres of their outlines, with at most {tolerance_px:g} px between them; do the "
            "runs show the same parts, in the same order or with the same names of pictures, and "
            "all or none with a calibration?"
        )
    rows = [
        Measurement(part.name, appraisers[run], _trial(appraisers, run), part.defects[run][key])
        for part in complete
        for run in range(len(folders))
    ]
    unmatched = [_describe(part, key, folders) for part in parts if part not in complete]
    unit = UNITS[size][0 if calibrated else 1]
    return Reading(rows, unit, unmatched, note + _weak_sizes(complete))


def read_verdicts(folders: Sequence[Path], appraisers: Sequence[str]) -> Reading:
    """A part is a frame. Frames with ERROR in a run, or missing there, are in `unmatched`."""
    frames, note = _read_runs(folders)
    rows, unmatched = [], []
    for name in dict.fromkeys(name for run in frames for name in run):
        verdicts = [run[name]["verdict"] if name in run else "missing" for run in frames]
        odd = [k for k, verdict in enumerate(verdicts) if verdict not in ("PASS", "FAIL")]
        if odd:
            places = ", ".join(f"{verdicts[k]} in {folders[k]}" for k in odd)
            unmatched.append(f"{name}: {places}")
            continue
        rows += [
            Measurement(name, appraisers[run], _trial(appraisers, run), float(verdict == "PASS"))
            for run, verdict in enumerate(verdicts)
        ]
    if not rows:
        raise DataError(f"no frame has the verdict PASS or FAIL in all {len(folders)} runs")
    return Reading(rows, "", unmatched, note)


def _read_runs(folders: Sequence[Path]) -> tuple[list[dict[str, Record]], list[str]]:
    """The frames of each run, under the same names, and a note if they were matched by order."""
    runs = [_read_frames(folder) for folder in folders]
    if set.intersection(*map(set, runs)):
        return runs, []
    counts = [len(run) for run in runs]
    if len(set(counts)) > 1:
        listed = ", ".join(
            f"{folder} {count}" for folder, count in zip(folders, counts, strict=True)
        )
        raise DataError(
            "the runs have no picture name in common, and different numbers of frames, so they "
            f"cannot be matched by their order: {listed}"
        )
    names = list(runs[0])
    ordered = [dict(zip(names, run.values(), strict=True)) for run in runs]
    return ordered, ["The pictures of the runs have different names. They were matched by order."]


def _read_frames(folder: Path) -> dict[str, Record]:
    """Name of each frame -> its record."""
    path = folder / LOG
    try:
        _, records = read_log(path)
    except OSError as exc:
        raise DataError(
            f"{path} cannot be read: {exc.strerror}; is {folder} a result folder?"
        ) from exc
    except ValueError as exc:
        raise DataError(str(exc)) from exc
    if not records:
        raise DataError(f"{path} has no frames")
    named = all(record["name"] for record in records)
    names = [str(record["name"]) if named else f"frame {record['frame_id']}" for record in records]
    if len(set(names)) < len(names):
        name, count = Counter(names).most_common(1)[0]
        raise DataError(f"{path} has {count} pictures with the name {name}")
    return dict(zip(names, records, strict=True))


def _match(name: str, frames: Sequence[Record | None], tolerance_px: float) -> list[_Part]:
    """The parts of a frame, from its records in all runs (None: a run without this frame)."""
    parts: list[_Part] = []
    for run, frame in enumerate(frames):
        defects = [] if frame is None else list(frame["defects"])
        pairs = _nearest([p.centre for p in parts], [_centre(d) for d in defects], tolerance_px)
        for k, defect in enumerate(defects):
            if k not in pairs:
                pairs[k] = len(parts)
                parts.append(_Part(f"{name} #{len(parts) + 1}", _centre(defect)))
            parts[pairs[k]].defects[run] = defect
    return parts


def _nearest(first: Sequence[Point], second: Sequence[Point], limit: float) -> dict[int, int]:
    """Index in the second -> index in the first, so that as many as possible are matched within the
    limit, with the smallest sum of distances."""
    if not first or not second:
        return {}
    distances = np.linalg.norm(np.array(second)[:, None] - np.array(first)[None], axis=2)
    too_far = 1e6 * (1 + limit)
    costs = np.where(distances <= limit, distances, too_far)
    pairs = zip(*linear_sum_assignment(costs), strict=True)
    return {int(a): int(b) for a, b in pairs if costs[a, b] < too_far}


def _centre(defect: Record) -> Point:
    x, y = defect["centroid_px"]
    return float(x), float(y)


def _runs_without(part: _Part, key: str, runs: int) -> list[int]:
    return [k for k in range(runs) if k not in part.defects or part.defects[k][key] is None]


def _trial(appraisers: Sequence[str], run: int) -> str:
    return str(appraisers[: run + 1].count(appraisers[run]))


def _describe(part: _Part, key: str, folders: Sequence[Path]) -> str:
    absent = ", ".join(str(folders[k]) for k in _runs_without(part, key, len(folders)))
    x, y = part.centre
    return f"{part.name} at ({x:.0f}, {y:.0f}) px: not in {absent}"


def _weak_sizes(parts: Sequence[_Part]) -> list[str]:
    defects = [defect for part in parts for defect in part.defects.values()]
    coarse = sum(defect["size_source"] not in ON_FRAME for defect in defects)
    cut = sum(bool(defect["truncated"]) for defect in defects)
    sentences = []
    if coarse:
        sentences.append(
            f"{coarse} of {len(defects)} sizes were not measured on the frame, but taken from the "
            "anomaly map. They are coarse."
        )
    if cut:
        sentences.append(
            f"{cut} of {len(defects)} sizes are of defects at the border of the inspected area. "
            "The defects can be larger."
        )
    return sentences
