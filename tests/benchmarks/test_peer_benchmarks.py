"""The engine in the form that anomalib's inferencer takes, and the plain loop."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
from flow_rig import write_clip

from benchmarks.anomalib_openvino import wrap
from benchmarks.plain_loop import PlainEngine, run
from engines.spec_file import read_engine


def test_the_wrapped_engine_gives_the_same_map_and_score(engine_file: Path) -> None:
    spec, model = read_engine(engine_file)
    pixels = np.random.default_rng(0).integers(0, 256, (*spec.resize.input_hw, 3)).astype(np.uint8)
    plain = ort.InferenceSession(str(engine_file)).run(None, {"pixels": pixels[np.newaxis]})
    image = (pixels.astype(np.float32) / 255).transpose(2, 0, 1)[np.newaxis]
    session = ort.InferenceSession(wrap(model, spec).SerializeToString())
    wrapped = session.run(["anomaly_map", "pred_score"], {"image": image})
    assert np.array_equal(plain[0], wrapped[0])
    assert np.array_equal(plain[1], wrapped[1])


def test_the_loop_writes_a_video_of_both_halves_or_none(tmp_path: Path, engine_file: Path) -> None:
    random = np.random.default_rng(0)
    pictures = [random.integers(0, 255, (64, 96, 3)).astype(np.uint8) for _ in range(3)]
    clip = write_clip(tmp_path / "clip.mp4", pictures)
    for scale in (0.0, 0.5):
        out = tmp_path / f"{scale}.mp4"
        figures = run(str(clip), PlainEngine(str(engine_file)), str(out), scale)
        assert figures["frames"] == 3
        assert out.exists() == bool(scale)
