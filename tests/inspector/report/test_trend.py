"""Tests the parts of a run and of its web that the trend shows."""

import re
from pathlib import Path

import pytest
from report_pages import dead_links, report_of, visible
from report_runs import closed, frames, ledger, scratch, write_log, write_run, write_summary

from inspector.report.trend import MOST_STEPS


def write_web(folder: Path, places: list[float]) -> Path:
    """Tracked defects at places in m; the ledger says 1.25 m."""
    sizes = {
        2 * k: scratch(k, 1.0 + k, track_id=f"run/main/d{k}", y_m=place)
        for k, place in enumerate(places)
    }
    rows = frames(2 * len(places), {frame_id: (size,) for frame_id, size in sizes.items()})
    events = [closed(f"run/main/d{f // 2}", size, f, f, f) for f, size in sizes.items()]
    content = [*rows, *events, ledger(len(places))]
    return write_summary(write_log(folder, content, tracking={"enabled": True}), rows)


@pytest.mark.parametrize(
    "places", [[0.0, 0.6, 1.25], [0.1], [-0.02, 1.3], [200.5, 201.7], [5.0, 5.0], [0.0]]
)
def test_every_place_is_in_one_column(places: list[float], tmp_path: Path):
    files = report_of(write_web(tmp_path, places))
    text = visible(files["report.html"])
    columns = re.findall(r"(-?[\d.]+) to (-?[\d.]+) m: (\d+)", text.split("Pictures of")[0])
    counted = {(low, high): int(count) for low, high, count in columns}
    assert sum(counted.values()) == len(places)
    assert len(counted) <= MOST_STEPS + 2
    for place in places:
        assert any(
            float(low) <= place <= float(high) and count for (low, high), count in counted.items()
        )
    assert dead_links(files) == []


def test_rates_count_the_time_of_each_part(tmp_path: Path):
    """50 frames at 25 per s: one sighting in every frame is 1500 per minute, also at the end."""
    rows = frames(48, {k: (scratch(0, 1.0),) for k in range(48)})
    page = report_of(write_run(tmp_path, rows))["report.html"]
    assert len(re.findall(r"<td>1500</td>", page)) == MOST_STEPS


def test_one_frame_is_a_trend(tmp_path: Path):
    page = report_of(write_run(tmp_path, frames(1, {0: (scratch(0, 1.0),)})))["report.html"]
    assert "Trend over the run" in visible(page)
