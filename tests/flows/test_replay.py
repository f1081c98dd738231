"""A live run records which regions it refined. The same frames from a file give the same sizes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Inspect = Callable[..., Any]

WEB = (
    *("--set", "engine.backend=fake", "--set", "source.synthetic.frames=12"),
    *("--set", "source.synthetic.defect_rate=0.6", "--set", "source.frame_size=640x480"),
    *("--set", "verdict.rule=defects", "--set", "verdict.min_length_px=40"),
    *("--set", "verdict.deadline_ms=5000", "--no-video"),
)
LIVE = ("--set", "source.synthetic.paced=true", "--set", "source.fps=10")


def by_frame(records: list[dict[str, Any]]) -> dict[int, Any]:
    keys = ("verdict", "reason", "defects", "refined_regions")
    return {r["frame_id"]: json.dumps([r[key] for key in keys]) for r in records}


def test_a_replay_of_a_live_run_gives_the_same_sizes_and_verdicts(
    inspect: Inspect, tmp_path: Path
) -> None:
    live = inspect("synthetic", None, *WEB, *LIVE)
    regions = [r["refined_regions"] for r in live.records]
    assert all(ranks is not None for ranks in regions)
    assert any(regions)
    log = tmp_path / "live.jsonl"
    log.write_bytes((live.out / "inspections.jsonl").read_bytes())
    again = inspect("synthetic", None, *WEB, "--set", f"measure.replay={log}", "--overwrite")
    expected = by_frame(live.records)
    measured = {k: v for k, v in by_frame(again.records).items() if k in expected}
    assert measured == expected
    free = inspect("synthetic", None, *WEB, "--overwrite")
    assert {r["refined_regions"] for r in free.records} == {None}


@pytest.mark.parametrize(
    ("log", "options", "sentence"),
    [
        ("none.jsonl", (), "measure.replay: cannot read"),
        ("text.jsonl", (), "measure.replay: "),
        ("text.jsonl", LIVE, "measure.replay: synthetic is live"),
    ],
)
def test_a_log_that_cannot_be_replayed_is_refused(
    inspect: Inspect, tmp_path: Path, log: str, options: tuple[str, ...], sentence: str
) -> None:
    (tmp_path / "text.jsonl").write_text("text\n")
    setting = f"measure.replay={tmp_path / log}"
    result = inspect("synthetic", None, *WEB, *options, "--set", setting)
    assert result.code == 2
    assert sentence in result.stderr
    assert not result.out.exists()
