"""The benchmark of the live latency gives latencies in periods of the same run."""

import numpy as np

from benchmarks.live_latency import PacedSource, make_row
from inspector.core.types import Frame


def test_latencies_are_divided_by_the_median_time_of_inference() -> None:
    summary = {
        "stages_ms": {"infer": {"p50": 20.0}},
        "verdict_ms": {"p50": 24.0, "p99": 40.0},
        "latency_ms": {"p50": 28.0, "p99": 60.0},
        "inspected": 100,
        "dropped": 3,
        "background": {"outputs": ["video_file"], "left_out": 7},
        "defects": {"total": 1000, "refined": 150},
        "cpu_ms_per_frame": 31.0,
    }
    row = make_row(summary, rate=40.0)
    assert (row["event_p50"], row["event_p99"]) == (1.2, 2.0)
    assert (row["log_p50"], row["log_p99"]) == (1.4, 3.0)
    assert row["load"] == 0.8
    assert (row["dropped"], row["left_out"], row["defects"], row["refined"]) == (3, 7, 10.0, 1.5)


def test_the_paced_source_is_live_and_repeats_its_pictures() -> None:
    images = np.stack([np.full((4, 4, 3), grey, np.uint8) for grey in (1, 2)])
    source = PacedSource(images, rate=1000.0, seconds=0.003)
    frames = [source.read() for _ in range(4)]
    assert source.info.live
    assert frames[3] is None
    shown = [frame for frame in frames if isinstance(frame, Frame)]
    assert [frame.frame_id for frame in shown] == [0, 1, 2]
    assert [int(frame.image[0, 0, 0]) for frame in shown] == [1, 2, 1]


def test_a_closed_paced_source_ends() -> None:
    source = PacedSource(np.zeros((1, 4, 4, 3), np.uint8), rate=0.001, seconds=1e6)
    assert source.read() is not None
    source.close()
    assert source.read() is None
