"""The benchmark of the stages runs every stage of a run."""

from pathlib import Path

import numpy as np
from flow_rig import write_clip

from benchmarks.stages import measure


def test_each_stage_gets_a_time(tmp_path: Path, engine_file: Path) -> None:
    random = np.random.default_rng(0)
    pictures = [random.integers(0, 255, (64, 96, 3)).astype(np.uint8) for _ in range(3)]
    clip = write_clip(tmp_path / "clip.mp4", pictures)
    times = measure(str(clip), str(engine_file), frames=2)
    assert {"capture", "preprocess", "infer", "measure", "render", "video_file"} <= set(times)
