"""Tests of the motion that is measured from pictures."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from moving_pictures import HW, paper, positions, take_frame, weave

from calibration.plane import Calibration
from inspector.core.types import Frame
from inspector.tracking.motion import Motion, MotionState
from inspector.tracking.picture_motion import PictureMotion
from inspector.tracking.plane import WebPlane

KNOWN, ASSUMED, UNKNOWN = MotionState.KNOWN, MotionState.ASSUMED, MotionState.UNKNOWN


def measure(frames: Sequence[Frame], plane: WebPlane | None = None) -> list[Motion]:
    """The motions between the frames. The surface moves up unless the plane says otherwise."""
    motion = PictureMotion(plane or WebPlane(HW, "up", None), live=False)
    return [motion.step(frame, usable=True) for frame in frames][1:]


def film(
    surface: npt.NDArray[np.float32], steps: Sequence[float], **options: object
) -> list[Frame]:
    rows = positions(steps)
    return [take_frame(surface, (row, 20.0), n, **options) for n, row in enumerate(rows)]  # type: ignore[arg-type]


@pytest.mark.parametrize("surface", [paper(), paper(grain=4.0), weave()])
@pytest.mark.parametrize("step", [3.3, 24.0, 71.7, 150.4])
def test_the_shift_is_measured_to_a_part_of_a_pixel(
    surface: npt.NDArray[np.float32], step: float
) -> None:
    motions = measure(film(surface, [step] * 10))
    assert [m.state for m in motions] == [KNOWN] * 10
    errors = [m.along - step for m in motions]
    assert max(map(abs, errors)) < 0.25
    assert abs(sum(errors)) < 0.7


def test_stops_reverse_motion_and_speed_changes_are_followed() -> None:
    steps = [40, 40, 20, 0, 0, 0, -30, -60, -60, 10, 90, 160, 15]
    motions = measure(film(paper(), steps))
    assert all(m.state is KNOWN for m in motions)
    np.testing.assert_allclose([m.along for m in motions], steps, atol=0.2)


def test_a_line_that_stands_does_not_drift() -> None:
    motions = measure(film(paper(), [30.0] + [0.0] * 40))
    assert abs(sum(m.along for m in motions) - 30) < 0.1


def test_sideways_motion_is_measured() -> None:
    surface = paper()
    frames = [take_frame(surface, (300 + 30 * n, 30 + 1.5 * n), n) for n in range(6)]
    motions = measure(frames)
    np.testing.assert_allclose([m.across for m in motions], -1.5, atol=0.2)


def test_dropped_frames_with_overlap_change_nothing() -> None:
    frames = film(paper(), [20.0] * 12)
    del frames[7:9]
    motions = measure(frames)
    assert [m.state for m in motions] == [KNOWN] * 10
    np.testing.assert_allclose([m.along for m in motions], [20] * 6 + [60] + [20] * 3, atol=0.2)


def test_motion_beyond_the_overlap_is_unknown() -> None:
    motions = measure(film(paper(), [20, 20, 20, 700, 20, 20]))
    assert [m.state for m in motions] == [KNOWN, KNOWN, KNOWN, UNKNOWN, KNOWN, KNOWN]


def test_a_web_without_texture_has_no_known_motion() -> None:
    plain = np.full((3000, HW[1] + 200), 120, np.float32)
    assert all(m.state is not KNOWN for m in measure(film(plain, [20.0] * 10)))


def test_a_damaged_picture_in_between_is_bridged() -> None:
    frames = film(paper(), [25.0] * 8)
    motion = PictureMotion(WebPlane(HW, "up", None), live=False)
    motions = [motion.step(frame, usable=n != 4) for n, frame in enumerate(frames)][1:]
    assert [m.state for m in motions] == [KNOWN] * 3 + [ASSUMED] + [KNOWN] * 4
    np.testing.assert_allclose(
        np.cumsum([m.along for m in motions])[4:], [125, 150, 175, 200], atol=0.3
    )


def test_dirt_on_the_lens_does_not_slow_the_web() -> None:
    pattern = np.zeros(HW, np.float32)
    rng = np.random.default_rng(3)
    for _ in range(30):
        centre = int(rng.integers(0, HW[1])), int(rng.integers(0, HW[0]))
        cv2.circle(pattern, centre, int(rng.integers(2, 7)), -40.0, -1)
    motions = measure(film(paper(), [33.3] * 40, pattern=pattern))
    assert abs(sum(m.along for m in motions) - 40 * 33.3) < 0.002 * 40 * 33.3


def test_a_tilted_camera_measures_millimetres_on_the_web() -> None:
    homography = ((0.1, 0.01, 0.0), (0.0, 0.12, 0.0), (0.0, 6e-4, 1.0))
    calibration = Calibration("homography", HW, "test", "", homography=homography)
    surface = paper(grain=2.0)
    to_frame = np.linalg.inv(np.array(homography))
    frames = []
    for number in range(8):
        scale = np.diag((0.1, 0.1, 1.0))  # 0.1 mm per pixel of the surface
        moved = np.array(((1.0, 0.0, -2.0), (0.0, 1.0, -30.0 - 3.0 * number), (0.0, 0.0, 1.0)))
        grey = cv2.warpPerspective(surface, to_frame @ moved @ scale, HW[::-1])
        image = np.repeat(np.clip(np.rint(grey), 0, 255).astype(np.uint8)[..., None], 3, 2)
        frames.append(Frame(number, "web", image, 0, number / 10, ""))
    motions = measure(frames, WebPlane(HW, "up", calibration))
    np.testing.assert_allclose([m.along for m in motions], 3.0, atol=0.03)
    assert all(m.state is KNOWN for m in motions)


@pytest.mark.parametrize("direction", ["down", "left", "right"])
def test_every_direction_is_forward(direction: str) -> None:
    turns = {"down": lambda i: i[::-1], "left": lambda i: i.swapaxes(0, 1)}
    turns["right"] = lambda i: i.swapaxes(0, 1)[:, ::-1]
    frames = [
        Frame(f.frame_id, "web", np.ascontiguousarray(turns[direction](f.image)), 0, f.pts_s, "")
        for f in film(paper(), [31.0] * 4)
    ]
    hw = frames[0].frame_hw
    motions = measure(frames, WebPlane(hw, direction, None))
    np.testing.assert_allclose([m.along for m in motions], 31.0, atol=0.2)


def repeat(kind: str, period: int) -> npt.NDArray[np.float32]:
    """A surface that repeats exactly along the web."""
    y, x = np.indices((3000, HW[1] + 200), np.float32)
    if kind == "stripes":
        return 120 + 30 * np.sin(y * 2 * np.pi / period)
    if kind == "dots":
        centre = np.hypot(y % period - period / 2, x % period - period / 2)
        return np.where(centre < period / 4, 180, 120).astype(np.float32)
    return np.asarray(np.tile(paper(grain=2.0)[:period], (3000 // period, 1)), np.float32)


@pytest.mark.parametrize("kind", ["stripes", "dots", "print"])
@pytest.mark.parametrize("period", [37, 100, 150])
@pytest.mark.parametrize("step", [3.3, 24.0, 150.4])
def test_a_texture_that_repeats_exactly_has_no_known_motion(
    kind: str, period: int, step: float
) -> None:
    steps = [step] * 5 + [2 * step] + [step] * 2
    motions = measure(film(repeat(kind, period), steps))
    wrong = [
        m.along - true
        for m, true in zip(motions, steps, strict=True)
        if m.state is not UNKNOWN and abs(m.along - true) > 2
    ]
    assert wrong == []


def test_a_period_longer_than_the_overlap_that_is_searched_is_no_doubt() -> None:
    motions = measure(film(repeat("print", 230), [24.0] * 8))
    assert all(m.state is KNOWN for m in motions)
    np.testing.assert_allclose([m.along for m in motions], 24.0, atol=0.2)
