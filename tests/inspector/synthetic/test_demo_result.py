"""Tests the counts, lines and picture with which the demo ends."""

from typing import Any

import numpy as np

from inspector.synthetic.contact_sheet import TILE_HW
from inspector.synthetic.demo_result import (
    AlarmCounts,
    compare_with_scene,
    count_alarms,
    draw_contact_sheet,
    result_lines,
)
from inspector.synthetic.demo_scene import FRAME_HW, MM_PER_PX, Scene
from inspector.synthetic.rendered_defects import Appearance, RenderedDefect
from inspector.synthetic.web import MovingWeb

SIDE = 40.0


def square(x: float, y: float) -> np.ndarray:
    return np.array(((x, y), (x + SIDE, y), (x + SIDE, y + SIDE), (x, y + SIDE)))


def scene() -> Scene:
    """Three frames of a web that moves by 20 px. Frames 1 and 2 show a hole."""
    hole = RenderedDefect.of(
        "hole", square(600.0, FRAME_HW[0]), MM_PER_PX, Appearance((0, 0, 0), 0)
    )
    web = MovingWeb(
        np.full((64, 64, 3), 120, np.uint8),
        frame_hw=FRAME_HW,
        mm_per_px=MM_PER_PX,
        speed_px_per_frame=20,
        seed=1,
        defects=[hole],
    )
    return Scene(web, 3)


def record(frame_id: int, verdict: str, *polygons: np.ndarray) -> dict[str, Any]:
    sizes = {"area_mm2": 16.0, "length_mm": 5.6, "width_mm": 4.0, "size_source": "refined"}
    defects = [{"polygons": [polygon.tolist()], "holes": 0} | sizes for polygon in polygons]
    return {"frame_id": frame_id, "verdict": verdict, "defects": defects}


def test_false_and_true_alarms_are_counted_and_printed() -> None:
    on_hole, elsewhere = square(600.0, FRAME_HW[0] - 40.0), square(100.0, 100.0)
    records = [
        record(0, "FAIL", elsewhere),
        record(1, "PASS"),
        record(2, "FAIL", on_hole, elsewhere),
    ]
    comparison = compare_with_scene(records, scene())
    alarms = count_alarms(comparison, records, scene())
    assert alarms == AlarmCounts(
        clean=1,
        clean_failed=1,
        shown=2,
        shown_failed=1,
        false_regions=2,
        false_frames=2,
        near=1,
    )
    lines = result_lines(comparison, alarms)
    assert lines[-3:] == [
        "1 of 1 frames without a defect failed",
        "1 of 2 frames with a defect failed",
        "2 regions on no rendered defect, in 2 frames; 1 of the regions in frames with a defect",
    ]
    assert any(line.startswith("hole") and "found 1 of 1" in line for line in lines)
    assert draw_contact_sheet(comparison, scene()).shape[1] == TILE_HW[1]
