"""Tests of the synthetic source and of the true defects that it reports."""

import threading
import time
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from inspector.core.errors import SourceError
from inspector.sources import synthetic
from inspector.sources.options import SyntheticOptions, WebOptions
from inspector.sources.synthetic import SyntheticSource, woven_texture


def source(**change: object) -> SyntheticSource:
    fps = change.pop("fps", 25.0)
    web: dict[str, object] = {"frames": 5, "seed": 3, "mm_per_px": 0.5, "defect_rate": 0.3}
    options = SyntheticOptions(
        fps=fps,  # type: ignore[arg-type]
        frame_size="128x96",
        synthetic=WebOptions(**(web | change)),  # type: ignore[arg-type]
    )
    return SyntheticSource("synthetic", options)


def test_frames_are_numbered_timed_frozen_and_end() -> None:
    web = source()
    frames = [web.read() for _ in range(5)]
    assert web.read() is None
    assert [frame.frame_id for frame in frames if frame] == [0, 1, 2, 3, 4]
    assert [frame.pts_s for frame in frames if frame] == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])
    for frame in frames:
        assert frame is not None
        assert frame.image.shape == (96, 128, 3)
        assert not frame.image.flags.writeable
        assert frame.image.flags.c_contiguous
    assert web.info.frame_count == 5
    assert web.info.time_base == Fraction(1, 25)
    assert web.info.live is False


def test_the_same_seed_gives_the_same_frames_and_another_seed_others() -> None:
    first, same, other = (source(seed=seed).read() for seed in (3, 3, 4))
    assert first is not None
    assert same is not None
    assert other is not None
    assert np.array_equal(first.image, same.image)
    assert not np.array_equal(first.image, other.image)


def test_new_defects_come_at_about_the_requested_rate() -> None:
    web = source(frames=None, defect_rate=0.2)
    seen = {hit.web_id for frame_id in range(400) for hit in web.truth(frame_id)}
    assert len(seen) == pytest.approx(0.2 * 400, rel=0.15)
    assert {hit.defect.kind for i in range(600) for hit in web.truth(i)} == {
        "hole", "scratch", "stain", "missing_yarn", "foreign_yarn", "slub",
    }  # fmt: skip


def test_without_defects_every_frame_is_clean() -> None:
    web = source(defect_rate=0.0)
    assert all(not web.truth(frame_id) for frame_id in range(200))
    assert web.read() is not None


@pytest.mark.parametrize(
    ("busy_ms", "expected_ms"),
    [((0, 0, 0, 0), [0, 10, 20, 30, 40]), ((0, 25, 0, 0), [0, 10, 35, 45, 55])],
)
def test_a_paced_source_is_live_and_keeps_its_period_after_a_late_read(
    monkeypatch: pytest.MonkeyPatch, busy_ms: tuple[float, ...], expected_ms: list[float]
) -> None:
    """busy_ms: between two reads."""
    web, now = source(paced=True, fps=100.0), [7.0]

    def wait(timeout_s: float) -> bool:
        now[0] += timeout_s
        return False

    monkeypatch.setattr(synthetic, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(synthetic, "now_ns", lambda: round(now[0] * 1e9))
    monkeypatch.setattr(web._closed, "wait", wait)
    assert web.info.live
    times_ms = []
    for pause_ms in (*busy_ms, 0):
        frame = web.read()
        assert frame is not None
        times_ms.append(frame.captured_ns / 1e6 - 7000)
        now[0] += pause_ms / 1e3
    assert times_ms == pytest.approx(expected_ms)
    assert web.read() is None


def test_close_ends_a_read_that_waits() -> None:
    web = source(paced=True, fps=0.05)
    assert web.read() is not None
    result: list[object] = []
    reader = threading.Thread(target=lambda: result.append(web.read()))
    reader.start()
    started = time.monotonic()
    web.close()
    web.close()
    reader.join(2)
    assert time.monotonic() - started < 1
    assert result == [None]
    assert web.read() is None


def test_the_web_shows_the_texture_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "red.png"
    assert cv2.imwrite(str(path), np.full((40, 40, 3), (10, 10, 200), np.uint8))
    frame = source(texture=str(path), defect_rate=0.0).read()
    assert frame is not None
    assert frame.image[..., 2].mean() > 4 * frame.image[..., 0].mean()


def test_a_missing_or_unreadable_texture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"missing\.png cannot be read"):
        source(texture=str(tmp_path / "missing.png"))
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(SourceError, match=r"text\.png cannot be decoded"):
        source(texture=str(tmp_path / "text.png"))
    with pytest.raises(SourceError, match="fps"):
        source(fps=0.0)


def test_the_woven_texture_mirrors_without_a_seam() -> None:
    weave = woven_texture(1, threads=(8, 9)).astype(float)
    both = np.concatenate((weave, weave[::-1]))
    steps = np.abs(np.diff(both, axis=0)).mean(axis=(1, 2))
    assert steps[len(weave) - 1] <= np.median(steps)
