"""Frames that a live source gave damaged, too old or frozen come out of a replay as recorded."""

from pathlib import Path

import numpy as np
import pytest
from recorded_runs import Replay, read_records

from inspector.build import build_run
from inspector.config import make_config
from inspector.core.arrays import Image, freeze
from inspector.core.types import BadFrame, Cause, Frame, SourceInfo

SECOND = 1_000_000_000


def picture(seed: int) -> Image:
    image = np.random.default_rng(seed).integers(90, 110, (120, 160, 3)).astype(np.uint8)
    image[40 : 40 + 5 * (seed % 3), 50:90] = 0
    return freeze(image)


class Camera:
    """A live source with gaps, a damaged picture, an old picture, and a camera that freezes."""

    buffered = True
    dropped = 0

    def __init__(self) -> None:
        self.info = SourceInfo("cam", True, frame_hw=(120, 160))
        frozen = picture(9)
        self._frames = [self._frame(k, picture(k)) for k in (0, 1, 4, 5)]
        self._frames.insert(2, self._bad(2, Cause.DECODE, None))
        self._frames.insert(3, self._bad(3, Cause.STALE, picture(3)))
        self._frames += [self._frame(k, frozen) for k in range(6, 12)]

    def _frame(self, number: int, image: Image) -> Frame | BadFrame:
        return Frame(number, "cam", image, number * SECOND, None, f"2026-01-31T12:00:{number:02d}Z")

    def _bad(self, number: int, cause: Cause, image: Image | None) -> BadFrame:
        time = (number * SECOND, None, "2026-01-31T12:00:00Z")
        return BadFrame(number, "cam", f"bad: {cause}", *time, image=image, cause=cause)

    def read(self) -> Frame | BadFrame | None:
        return self._frames.pop(0) if self._frames else None

    def close(self) -> None:
        self._frames = []


def record(out: Path, **overrides: object) -> None:
    settings = {
        "source.uri": "0",
        "engine.backend": "fake",
        "output.dir": str(out),
        "output.video.enabled": False,
        "output.originals.enabled": True,
        "health.frozen_s": 2.0,
    }
    run = build_run(make_config({}, settings | overrides), recorded=lambda _: Camera())
    run.pipeline.start()
    run.pipeline.finish()
    run.write_summary("finished", 0, None)


@pytest.mark.parametrize("tracked", [False, True])
def test_errors_of_a_camera_come_out_as_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tracked: bool
) -> None:
    record(tmp_path / "run", **{"tracking.enabled": tracked})
    frames = [r for r in read_records(tmp_path / "run") if r["type"] == "measured"]
    causes = {r["frame_id"]: r["cause"] for r in frames if r["verdict"] == "ERROR"}
    assert causes == {2: "decode", 3: "stale", 8: "stale", 9: "stale", 10: "stale", 11: "stale"}
    assert any(r["defects"] for r in frames)
    replay = Replay(capsys, tmp_path / "run")
    assert replay.code == 0, replay.text
    assert f"identical: {len(read_records(tmp_path / 'run'))} records" in replay.lines
    again = read_records(tmp_path / "run-replay")
    assert {r["frame_id"]: r["error"] for r in again if r["type"] == "measured" and r["error"]} == {
        r["frame_id"]: r["error"] for r in frames if r["error"]
    }


def test_a_frame_whose_recorded_error_is_not_of_the_source_needs_its_original(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(tmp_path / "run")
    (tmp_path / "run/originals/frame_00000000.png").write_bytes(b"damaged")
    replay = Replay(capsys, tmp_path / "run")
    assert "not replayed, because there is no original: frame 0" in replay.lines


@pytest.mark.parametrize("tracked", [False, True])
def test_a_run_with_originals_of_failures_is_replayed_in_part(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tracked: bool
) -> None:
    settings = {"output.originals.when": "failures", "verdict.image_threshold": 0.26}
    settings |= {"health.frozen_s": None, "tracking.enabled": tracked}
    record(tmp_path / "run", **settings)
    names = {path.name for path in (tmp_path / "run/originals").iterdir()}
    frames = [r for r in read_records(tmp_path / "run") if r["type"] == "measured"]
    failed = {r["frame_id"] for r in frames if r["verdict"] == "FAIL"}
    passed = {r["frame_id"] for r in frames if r["verdict"] == "PASS"}
    assert failed
    assert passed
    assert names == {f"frame_{number:08d}.png" for number in failed}
    replay = Replay(capsys, tmp_path / "run")
    assert replay.code == 0, replay.text
    assert "only FAIL and ERROR frames and a share of 0 of the PASS frames" in replay.text
    assert any(
        line.startswith("not replayed, because there is no original") for line in replay.lines
    )
    again = read_records(tmp_path / "run-replay")
    judged_again = {r["frame_id"] for r in again if r["type"] == "measured"}
    assert judged_again == failed | {2, 3}


def test_the_camera_of_this_test_has_rising_numbers() -> None:
    camera = Camera()
    frames = [camera.read() for _ in range(12)]
    assert [f.frame_id for f in frames if f is not None] == list(range(12))
    assert camera.read() is None
