"""A whole run on a simulated GigE Vision camera that loses packets and then goes away."""

import json
import threading
from pathlib import Path

import pytest
from fake_gige import FakeGige, fake_gige
from motion_services import wait_for
from record_schema import check_log

from run_inspector import main

pytestmark = pytest.mark.services


def test_the_equation_begins_at_the_camera(tmp_path: Path) -> None:
    log, camera = tmp_path / "out" / "inspections.jsonl", FakeGige(lost=500)

    def kill_after_some_frames() -> None:
        wait_for(lambda: log.exists() and log.read_bytes().count(b'"measured"') > 100)
        camera.kill()

    values = (
        *("source.fps=100", "source.frame_size=32x32", "source.camera.gain=2"),
        *("source.read_timeout_s=0.5", "source.reconnect.give_up_s=0.1"),
        *("engine.backend=fake", "engine.allow_aspect=true", "log.path=null"),
    )
    argv = ["--source", camera.uri, "--output", str(log.parent), "--no-video"]
    for value in values:
        argv += ["--set", value]
    with fake_gige(camera):
        killer = threading.Thread(target=kill_after_some_frames)
        killer.start()
        assert main(argv) == 4
        killer.join()
    header = check_log(log)[0]
    assert header["source_info"]["settings"]["gain"] == 2.0
    assert header["source_info"]["settings"]["serial"] == "GV01"
    counts = json.loads((log.parent / "summary.json").read_text())
    assert counts["captured"] > 100
    assert counts["captured"] == counts["inspected"] + counts["dropped"] + counts["errored"]
    assert counts["expected"] == counts["captured"] + counts["missing"]
    assert counts["errored_by_cause"]["decode"] > 50
    assert list(counts["missing_by_cause"]) == ["wire"]
    assert 2 <= counts["missing_by_cause"]["wire"] <= counts["captured"] // 2
