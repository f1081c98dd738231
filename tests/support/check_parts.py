"""Pictures and lines for the tests of routine checks. The fake engine fails dark pixels."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from line_rig import LineRig, write_line
from waiting import wait_for

from inspector.store.checks import CheckResult, find_check_results


def write_sample(path: Path, *, defective: bool, grey: int = 180) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.full((48, 64, 3), grey, np.uint8)
    picture[::3, ::5] += 6
    if defective:
        picture[10:24, 20:40] = 0
    cv2.imwrite(str(path), picture)
    return path


def write_samples(folder: Path, *, good: int = 1) -> Path:
    """Two pictures with a defect, and some without in the folder `good`."""
    for name in ("a", "b"):
        write_sample(folder / f"{name}.png", defective=True)
    for number in range(good):
        write_sample(folder / "good" / f"{number}.png", defective=False)
    return folder


def write_checked_line(folder: Path, *checks: dict[str, Any], **sections: Any) -> Path:
    verdict = {"image_threshold": 0.9, "pixel_threshold": 0.9}
    values = {"store": {"enabled": True}, "verdict": verdict, "checks": list(checks)}
    return write_line(folder, **(values | sections))


def results(rig: LineRig, name: str | None = None) -> list[CheckResult]:
    """The oldest first."""
    return find_check_results(rig.line.store.store, name=name)[::-1]


def wait_for_results(rig: LineRig, count: int) -> list[CheckResult]:
    wait_for(lambda: len(results(rig)) >= count, 60)
    found_results = results(rig)
    assert len(found_results) == count, found_results
    return found_results
