"""Writes the logs of runs with defects in given places, with the sink of the inspector."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from output_parts import FlatPicture, defect, inspection, run_info

from inspector.core.types import Defect, Verdict
from inspector.outputs.json_log import JsonLogSink


def spot(x: float, y: float, length: float | None, **more: Any) -> Defect:
    """x, y: centre, px. length: mm, None without a calibration."""
    size = {"centroid_px": (x, y), "length_mm": length, "length_px": 10 * (length or 1)}
    return dataclasses.replace(defect(), **size, **more)


def write_run(
    folder: Path,
    frames: Sequence[Sequence[Defect]],
    names: Sequence[str] | None = None,
    verdicts: Mapping[int, Verdict] | None = None,
) -> Path:
    """Writes the log of a run with these defects in each frame, and returns the folder."""
    folder.mkdir()
    sink = JsonLogSink(folder / "inspections.jsonl")
    sink.open(run_info())
    for k, defects in enumerate(frames):
        verdict = (verdicts or {}).get(k, Verdict.FAIL if defects else Verdict.PASS)
        name = None if names is None else names[k]
        sink.write(inspection(k, verdict=verdict, defects=tuple(defects), name=name), FlatPicture())
    sink.close()
    return folder
