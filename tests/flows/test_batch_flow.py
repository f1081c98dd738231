"""Tests that a batch of frames gives the same results as single frames."""

from pathlib import Path
from typing import Any

import pytest
from flow_rig import Inspect

CHANGING = (
    *("timings_ms", "captured_ns", "judged_ns", "wall_time_utc", "run_id", "event_id", "chain"),
)


def test_batches_find_what_single_frames_find(
    inspect: Inspect, clip: Path, engine: Path, margin: list[str]
) -> None:
    def records(batch: int) -> list[dict[str, Any]]:
        more = ("--no-video", "--overwrite", "--set", f"engine.batch={batch}")
        result = inspect(clip, engine, *margin, *more)
        assert result.code == 0
        assert result.summary["inspected"] == 30
        return [{k: v for k, v in r.items() if k not in CHANGING} for r in result.records]

    for single, of_batch in zip(records(1), records(7), strict=True):
        # The score is a mean, which may be summed in another order.
        assert of_batch.pop("score") == pytest.approx(single.pop("score"), rel=1e-6)
        assert of_batch == single
