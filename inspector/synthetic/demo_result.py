"""Compares the results of the demo with the defects on its web."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from inspector.core.arrays import Image
from inspector.synthetic.contact_sheet import draw_sheet, draw_tile
from inspector.synthetic.demo_scene import FRAME_HW, Scene
from inspector.synthetic.truth import MeasuredRegion, TruthComparison, compare
from inspector.synthetic.truth_table import RULE, format_table, make_rows, summarize

TOLERANCE_PX: Final = 5.0
"""A region up to this far from a defect still counts as that defect."""


@dataclass(frozen=True, slots=True)
class AlarmCounts:
    """clean, shown: frames without and with a defect; *_failed: those with the verdict FAIL.

    false_regions: regions on no rendered defect, in false_frames frames; near: those of them in
    frames with a defect.
    """

    clean: int
    clean_failed: int
    shown: int
    shown_failed: int
    false_regions: int
    false_frames: int
    near: int


def compare_with_scene(records: Sequence[dict[str, Any]], scene: Scene) -> TruthComparison:
    """records: the lines of inspections.jsonl, from a run with a calibration."""
    frames = (
        (
            record["frame_id"],
            scene.web.visible(record["frame_id"]),
            [MeasuredRegion.from_record(defect) for defect in record["defects"]],
        )
        for record in records
    )
    return compare(frames, FRAME_HW, TOLERANCE_PX)


def draw_contact_sheet(comparison: TruthComparison, scene: Scene) -> Image:
    """Every defect with its true and its measured outline, one row of tiles for each kind."""
    grid: dict[str, list[Image]] = {}
    for row in make_rows(comparison):
        track = comparison.tracks[row.web_id]
        sighting = track.best or (track.complete or track.sightings)[0]
        image, _ = scene.web.frame(sighting.frame_id)
        text = "missed" if row.measured is None else f"measured {row.measured[0]:.2f} mm"
        label = f"{row.kind} {row.true[0]:.2f} mm, {text}"
        picture = draw_tile(image, sighting.visible.defect, sighting.regions, label)
        grid.setdefault(row.kind, []).append(picture)
    return draw_sheet(list(grid.values()))


def count_alarms(
    comparison: TruthComparison, records: Sequence[dict[str, Any]], scene: Scene
) -> AlarmCounts:
    failed = {record["frame_id"] for record in records if record["verdict"] == "FAIL"}
    clean = {r["frame_id"] for r in records if not scene.web.visible(r["frame_id"])}
    false = [frame_id for frame_id, _ in comparison.false]
    return AlarmCounts(
        clean=len(clean),
        clean_failed=len(clean & failed),
        shown=len(records) - len(clean),
        shown_failed=len(failed - clean),
        false_regions=len(false),
        false_frames=len(set(false)),
        near=len([frame_id for frame_id in false if frame_id not in clean]),
    )


def result_lines(comparison: TruthComparison, alarms: AlarmCounts) -> list[str]:
    """Lines of text: the table of the defects, a summary of each kind, and the false alarms."""
    table_rows = make_rows(comparison)
    lines = [*format_table(table_rows), RULE, ""]
    for summary in summarize(table_rows):
        count = (
            f"{summary.detected} of {summary.rendered}, {summary.mostly_detected} in most frames"
        )
        ratios = summary.ratios or [np.nan] * 3
        text = "length {:.2f}, width {:.2f}, area {:.2f}".format(*ratios)
        lines.append(f"{summary.kind:13} found {count}; median measured / true {text}")
    lines += [
        "",
        f"{alarms.clean_failed} of {alarms.clean} frames without a defect failed",
        f"{alarms.shown_failed} of {alarms.shown} frames with a defect failed",
        f"{alarms.false_regions} regions on no rendered defect, in {alarms.false_frames} frames; "
        f"{alarms.near} of the regions in frames with a defect",
    ]
    return lines
