"""Tests of whole live runs whose motion comes from a real MQTT broker."""

import csv
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from motion_services import TOPIC, Broker, now_s, publishing
from record_schema import check_log

from calibration.plane import Calibration
from calibration.store import save_calibration
from run_inspector import main

pytestmark = pytest.mark.services

HW = (240, 320)
FPS = 10
SPEED = HW[0] / 16 * 0.1 * FPS
"""mm/s of the synthetic web."""
FRAMES = 60


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path, "allow_anonymous true")
    yield broker
    broker.kill()


def run(folder: Path, name: str, *settings: str) -> tuple[Path, dict[str, Any]]:
    """The folder of a run on the synthetic web, and its ledger."""
    calibration = Calibration("scale", HW, "test", "", mm_per_px=(0.1, 0.1))
    save_calibration(calibration, folder / f"{name}.yaml")
    values = (
        f"source.frame_size={HW[1]}x{HW[0]}",
        f"source.fps={FPS}",
        f"source.synthetic.frames={FRAMES}",
        "source.synthetic.defect_rate=0.05",
        "engine.backend=fake",
        "engine.allow_aspect=true",
        "verdict.pixel_threshold=0.52",
        "measure.refine=false",
        "log.path=null",
        "tracking.enabled=true",
        "tracking.direction=up",
        *settings,
    )
    argv = ["--source", "synthetic", "--output", str(folder / name), "--no-video"]
    argv += ["--calibration", str(folder / f"{name}.yaml")]
    for value in values:
        argv += ["--set", value]
    assert main(argv) == 0
    return folder / name, check_log(folder / name / "inspections.jsonl")[-1]


def run_live(folder: Path, broker: Broker, *settings: str) -> tuple[Path, dict[str, Any]]:
    with publishing(broker.port) as line:
        line.position = lambda: (now_s() - line.start_s) * SPEED
        time.sleep(0.3)
        return run(
            folder,
            "live",
            "source.synthetic.paced=true",
            "tracking.motion=mqtt",
            "tracking.mqtt.host=127.0.0.1",
            f"tracking.mqtt.port={broker.port}",
            f"tracking.mqtt.topic={TOPIC}",
            *settings,
        )


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_live_run_follows_the_line_and_can_be_repeated_from_its_file(
    broker: Broker, tmp_path: Path
) -> None:
    out, ledger = run_live(tmp_path, broker)
    assert ledger["frames_by_motion"].get("unknown", 0) <= 3  # until the first values
    table = rows(out / "encoder.csv")
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert len(table) == summary["inspected"]
    way_mm = float(table[-1]["position_mm"]) - float(table[10]["position_mm"])
    seconds = float(table[-1]["time_s"]) - float(table[10]["time_s"])
    assert way_mm == pytest.approx(seconds * SPEED, rel=0.03)
    again, ledger_again = run(
        tmp_path, "again", "tracking.motion=encoder", f"tracking.encoder={out / 'encoder.csv'}"
    )
    # The repeated run has the frames that the live run dropped as well.
    assert ledger_again["length_m"] == pytest.approx(ledger["length_m"], rel=0.1)
    last_s = float(table[-1]["time_s"])
    outside = sum(number / FPS > last_s for number in range(FRAMES))
    unknown = sum(row["motion"] == "unknown" for row in table)
    assert ledger_again["frames_by_motion"].get("unknown", 0) <= outside + 3 * unknown
    assert not (again / "encoder.csv").exists()


def test_a_broker_that_is_killed_is_in_the_ledger_and_the_run_goes_on(
    broker: Broker, tmp_path: Path
) -> None:
    def interrupt() -> None:
        time.sleep(2.5)
        broker.kill()
        time.sleep(1)
        broker.start()

    thread = threading.Thread(target=interrupt)
    thread.start()
    out, ledger = run_live(tmp_path, broker, "tracking.mqtt.max_age_s=0.2")
    thread.join()
    states = [row["motion"] for row in rows(out / "encoder.csv")]
    assert states.count("unknown") == ledger["frames_by_motion"]["unknown"] > 5
    assert ledger["gap_count"] > 5
    assert states[-1] in ("known", "assumed")
    assert ledger["defects_low"] < ledger["defects"]
