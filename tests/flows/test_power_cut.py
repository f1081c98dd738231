"""Tests what a power cut leaves: the content of each file at its last fsync."""

import itertools
import os
import time
from pathlib import Path

import pytest
from flow_rig import Inspect
from output_parts import times

from inspector.core.types import Inspection
from inspector.outputs.json_log import read_log
from inspector.pipeline.reporter import Reporter
from inspector.pipeline.stages import Ticket

SOURCE = ["--set", "source.synthetic.frames=80", "--set", "source.synthetic.paced=true"]
SOURCE += ["--set", "source.fps=20", "--set", "source.frame_size=64x48"]
SYNC_S = 1.0
LOSS_S = 1.0
"""Of the video."""
MARGIN_S = 1.0
"""For a busy machine."""


def test_a_power_cut_loses_at_most_the_last_seconds(
    inspect: Inspect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: dict[str, list[tuple[float, bytes]]] = {}
    fsync = os.fsync

    def record(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if path.is_file():
            synced.setdefault(path.name, []).append((time.monotonic(), path.read_bytes()))
        fsync(descriptor)

    written: list[float] = []
    report = Reporter.report

    def report_and_record(self: Reporter, ticket: Ticket) -> Inspection:
        inspection = report(self, ticket)
        written.append(time.monotonic())
        return inspection

    monkeypatch.setattr(os, "fsync", record)
    monkeypatch.setattr(Reporter, "report", report_and_record)
    result = inspect("synthetic", None, "--set", "engine.backend=fake", *SOURCE)
    assert result.code == 0
    assert {"inspections.jsonl", "sightings.csv", "defects.csv", "annotated.mp4"} <= set(synced)
    for name, loss_s in (("inspections.jsonl", 0.0), ("annotated.mp4", LOSS_S + MARGIN_S)):
        assert len(synced[name]) >= 4
        moments = [at for at, _ in synced[name]]
        gaps = [b - a for a, b in itertools.pairwise(moments)]
        assert max(gaps) < SYNC_S + MARGIN_S
        for at, content in synced[name]:
            left = tmp_path / f"left-{name}"
            left.write_bytes(content)
            old_s = [moment - written[0] for moment in written if moment < at - loss_s]
            if name == "annotated.mp4":  # it may lack frames, but not the last seconds
                shown_s = times(left)
                assert not old_s or shown_s[-1] - shown_s[0] >= old_s[-1] - MARGIN_S
            else:
                assert len(read_log(left)[1]) >= len(old_s)
