"""Tests how sizes are compared with limits."""

from pathlib import Path
from typing import Any

import pytest
from report_runs import frames, scratch, write_log

from inspector.report.limits import SizeLimit, compare, decide, find_limits
from inspector.report.options import ReportLimits
from inspector.report.reading import read_run

LIMIT = SizeLimit("length", 5.0, "report")


@pytest.mark.parametrize(
    ("length", "more", "decision"),
    [
        (4.7, {}, "conforms"),  # U is 4 % of the length
        (4.9, {}, "cannot_be_decided"),
        (5.1, {}, "cannot_be_decided"),
        (5.3, {}, "does_not_conform"),
        (4.7, {"truncated": True}, "cannot_be_decided"),
        (5.3, {"truncated": True}, "does_not_conform"),
        (4.0, {"size_source": "map", "length_u_mm": None}, "cannot_be_decided"),
        (9.0, {"size_source": "map", "length_u_mm": None}, "cannot_be_decided"),
        (9.0, {"length_u_mm": None}, "cannot_be_decided"),
    ],
)
def test_three_zones(length: float, more: dict[str, Any], decision: str, tmp_path: Path):
    log = read_run(write_log(tmp_path, frames(1, {0: (scratch(0, length, **more),)})))
    assert decide(log.defects[0], LIMIT, log.unit) == decision
    assert [len(rows) for rows in compare(log, LIMIT).values()].count(1) == 1


@pytest.mark.parametrize(
    ("verdict", "options", "expected"),
    [
        ({"rule": "score", "min_length_mm": 3.0}, ReportLimits(), []),
        ({"rule": "either", "min_length_mm": 3.0}, ReportLimits(), [("length", 3.0, "verdict")]),
        (
            {"rule": "defects", "min_length_mm": 3.0, "min_area_mm2": 2.0},
            ReportLimits(length_mm=4.0, width_mm=1.0),
            [("length", 4.0, "report"), ("width", 1.0, "report"), ("area", 2.0, "verdict")],
        ),
    ],
)
def test_limits_of_the_report_come_before_those_of_the_verdict(
    verdict: dict[str, Any],
    options: ReportLimits,
    expected: list[tuple[str, float, str]],
    tmp_path: Path,
):
    log = read_run(write_log(tmp_path, frames(1), verdict=verdict))
    limits = [(limit.quantity, limit.value, limit.origin) for limit in find_limits(log, options)]
    assert limits == expected
