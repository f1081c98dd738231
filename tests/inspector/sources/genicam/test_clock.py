"""Times of a camera on the monotonic clock."""

import random

from inspector.sources.genicam.clock import CameraClock, FrameTimes

PERIOD_NS = 40_000_000


def test_the_jitter_of_the_arrival_is_removed() -> None:
    clock, offset = CameraClock(), 10**15
    delays = random.Random(3)
    errors = []
    for number in range(1, 500):
        camera_ns = number * PERIOD_NS
        arrival_ns = camera_ns + offset + 2_000_000 + delays.randrange(5_000_000)
        captured_ns = clock.captured_ns(camera_ns, arrival_ns)
        assert captured_ns <= arrival_ns
        errors.append(captured_ns - camera_ns - offset - 2_000_000)
    assert max(errors[100:]) - min(errors[100:]) < 200_000
    assert max(errors[100:]) < 200_000


def test_a_clock_that_runs_slowly_is_followed() -> None:
    """By 100 ppm; the offset of 250 frames of 40 ms is then 1 ms old."""
    clock = CameraClock()
    for number in range(1, 2000):
        true_ns = 10**12 + number * PERIOD_NS
        captured_ns = clock.captured_ns(round(number * PERIOD_NS * (1 - 1e-4)), true_ns)
        assert 0 <= true_ns - captured_ns <= 1_000_000


def test_times_never_go_back() -> None:
    """Also if the first frame was late, and after the camera has started its clock again."""
    clock = CameraClock()
    arrivals = [(1000, 9_000), (2000, 9_500), (3000, 17_000), (5, 18_000), (1005, 18_500)]
    times = [clock.captured_ns(camera_ns, arrival_ns) for camera_ns, arrival_ns in arrivals]
    assert times == [9_000, 9_500, 10_500, 18_000, 18_500]


def test_a_frame_without_a_time_is_not_after_the_frames_that_wait_behind_it() -> None:
    times, late_ns = FrameTimes(), 100 * PERIOD_NS
    assert times.estimate(7) == 7
    for number in (10, 11, 15):  # four frames are missing
        times.add(number * PERIOD_NS)
    assert times.estimate(late_ns) == 16 * PERIOD_NS
    assert times.estimate(late_ns) == 17 * PERIOD_NS
    times.add(18 * PERIOD_NS)
    assert times.estimate(18 * PERIOD_NS + 5) == 18 * PERIOD_NS + 5
