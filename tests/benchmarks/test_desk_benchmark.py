"""The checks of the benchmarks of a line notice what is wrong."""

import io
from pathlib import Path
from typing import Any

import av
import pytest

from benchmarks.desk_cameras import FPS, encode, web_frames
from benchmarks.desk_checks import Camera, RunOfSource, count_lost_and_doubled
from benchmarks.line_figures import quantile


def frame(number: int, **changes: Any) -> dict[str, Any]:
    return {"frame_id": number, "captured_ns": number, "pts_s": number / FPS} | changes


def run(frames: list[dict[str, Any]], run_id: str = "a", before: str | None = None) -> RunOfSource:
    """A run whose summary fits its frames."""
    count = len(frames)
    summary = dict.fromkeys(("captured", "inspected", "expected"), count)
    summary |= dict.fromkeys(("dropped", "errored", "missing"), 0)
    continues = None if before is None else {"run_id": before}
    header = {"run_id": run_id, "continues": continues}
    return RunOfSource(Path(), header, frames, 0, summary)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([0, 1, 2, 3], (0, 0)),
        ([0, 1, 3], (1, 0)),
        ([0, 1, 1, 2, 3], (0, 1)),
        ([0, 2, 2, 3], (1, 1)),
        ([1, 2, 3, 4], (1, 0)),
    ],
)
def test_lost_and_doubled_frames_are_counted(numbers: list[int], expected: tuple[int, int]) -> None:
    assert count_lost_and_doubled([frame(n) for n in numbers], FPS, 4) == expected


@pytest.mark.parametrize(("name", "change"), [("captured", 1), ("inspected", -1), ("missing", 1)])
def test_a_summary_that_does_not_add_up_is_noticed(name: str, change: int) -> None:
    item = run([frame(0), frame(1)])
    assert item.is_balanced
    assert item.summary is not None
    item.summary[name] += change
    assert not item.is_balanced


def test_a_frame_that_only_the_summary_has_is_noticed() -> None:
    item = run([frame(0), frame(1)])
    del item.frames[1]
    assert not item.is_balanced


def test_links_and_order_of_runs_are_checked() -> None:
    first, second = run([frame(0), frame(1)]), run([frame(2), frame(3)], "b", before="a")
    assert Camera("main", [first, second]).broken_links == 0
    assert Camera("main", [first, second]).out_of_order == 0
    assert Camera("main", [second, first]).broken_links == 2
    assert Camera("main", [second, first]).out_of_order == 1


def test_a_frame_id_twice_in_a_run_is_noticed() -> None:
    assert Camera("main", [run([frame(0), frame(0)])]).doubled_ids == 1


def test_quantile_of_few_values() -> None:
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert quantile([3.0, 1.0, 2.0], 0.99) == 3.0


@pytest.mark.parametrize("form", ["matroska", "mpegts"])
def test_a_video_repeats_its_frames(form: str) -> None:
    video = encode(web_frames("64x48", 4, defect_rate=0.0), form, 10)
    with av.open(io.BytesIO(video)) as container:
        times = [picture.time for picture in container.decode(video=0)]
    assert [round((time - times[0]) * FPS) for time in times] == list(range(10))
