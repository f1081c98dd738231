"""Whole runs on simulated GigE Vision cameras: losses, and pictures that triggers take."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from draining import draining
from fake_gige import FakeGige, fake_gige
from record_schema import check_log
from waiting import wait_for

from inspector.config import make_config
from inspector.session import Session

pytestmark = pytest.mark.services


@contextmanager
def running(folder: Path, camera: FakeGige, **sections: Any) -> Iterator[Session]:
    """A session on the camera, until the end of the block."""
    config = {
        "engine": {"backend": "fake", "allow_aspect": True},
        "verdict": {"image_threshold": 9, "pixel_threshold": 9},
        "output": {"dir": str(folder), "video": {"enabled": False}},
    }
    with fake_gige(camera), draining(Session(make_config(config | sections))) as session:
        yield session


def test_the_equation_begins_at_the_camera(tmp_path: Path) -> None:
    camera = FakeGige(lost=500)
    # Incomplete frames wait for their packets, and each needs a buffer.
    settings = {"gain": 2, "buffers": 200}
    source = {"uri": camera.uri, "fps": 100, "frame_size": "32x32", "camera": settings}
    with running(tmp_path / "out", camera, source=source) as session:
        wait_for(lambda: session.runs[0].pipeline.stats.errored > 100)
    header = check_log(tmp_path / "out" / "inspections.jsonl")[0]
    assert header["source_info"]["settings"]["gain"] == 2.0
    assert header["source_info"]["settings"]["serial"] == "GV01"
    counts = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert counts["captured"] == counts["inspected"] + counts["dropped"] + counts["errored"]
    assert counts["expected"] == counts["captured"] + counts["missing"]
    assert counts["errored_by_cause"]["decode"] > 100
    # An eighth of the frames has lost all of its three packets.
    assert list(counts["missing_by_cause"]) == ["wire"]
    assert 2 <= counts["missing"] <= counts["captured"] // 2


def test_each_trigger_takes_a_picture_of_its_part(tmp_path: Path) -> None:
    camera = FakeGige()
    source = {"uri": camera.uri, "frame_size": "64x48", "camera": {"trigger": "software"}}
    parts = {"enabled": True, "by": "trigger", "frames": 1, "timeout_s": 2.0, "window_s": 2.0}
    with running(tmp_path / "out", camera, source=source, parts=parts) as session:
        for number in range(3):
            session.trigger(f"p{number}")
            wait_for(lambda n=number: session.runs[0].pipeline.stats.inspected > n)
    records = check_log(tmp_path / "out" / "inspections.jsonl")
    lines = [record for record in records if record["type"] == "part"]
    assert [(line["part_id"], line["verdict"], line["frames"]) for line in lines] == [
        (f"p{number}", "PASS", 1) for number in range(3)
    ]
