"""Generated data sets of plates with dark holes, and the spec of a fake engine for them."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np

from engines import golden
from engines.backends.fake import fake_spec
from engines.spec import EngineSpec
from evaluation.class_evaluation import evaluate_class, use_all_as_tests
from evaluation.provenance import Settings
from evaluation.results import ClassResult
from learning.datasets.layouts import load

HW = (64, 96)
FAST = Settings(backend="fake", resamples=20)
HOLES = {"hole": (5, 20), "speck": (2, 60)}
"""Kind -> radius and darkness of its defects."""


def draw_plate(seed: int, hole: tuple[int, int, int, int] | None = None) -> np.ndarray:
    """(64, 96, 3) uint8; hole: x, y, radius and value."""
    random = np.random.default_rng(seed)
    picture = random.normal(128, 8, (*HW, 3)).clip(0, 255).astype(np.uint8)
    if hole is not None:
        x, y, radius, value = hole
        cv2.circle(picture, (x, y), radius, (value,) * 3, -1)
    return picture


def draw_mask(hole: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros(HW, np.uint8)
    cv2.circle(mask, hole[:2], hole[2], 255, -1)
    return mask


def write_picture(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def write_class_folder(
    folder: Path, *, good: int = 6, defective: int = 4, masks: bool = True
) -> Path:
    """MVTec layout; each kind of HOLES has `defective` pictures."""
    for seed in range(4):
        write_picture(folder / "train" / "good" / f"{seed:03}.png", draw_plate(1000 + seed))
    for seed in range(good):
        write_picture(folder / "test" / "good" / f"{seed:03}.png", draw_plate(seed))
    for number, (kind, (radius, value)) in enumerate(HOLES.items()):
        for index in range(defective):
            hole = (12 + 20 * index, 14 + 10 * index, radius, value)
            write_picture(
                folder / "test" / kind / f"{index:03}.png", draw_plate(100 * number + index, hole)
            )
            if masks:
                mask_path = folder / "ground_truth" / kind / f"{index:03}_mask.png"
                write_picture(mask_path, draw_mask(hole))
    return folder


def write_fake_engine(path: Path, **changes: object) -> Path:
    """A spec as JSON that the backend "fake" opens: its map is half of its input."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(spec(**changes).to_json(), encoding="utf-8")
    return path


def spec(**changes: object) -> EngineSpec:
    example = dataclasses.replace(fake_spec(HW), frame_hw=HW, image_threshold=0.5)
    return dataclasses.replace(example, **changes)


def write_engine_with_wrong_reference(path: Path) -> Path:
    """A fake engine whose golden pictures are black and whose reference map says nearly clean: the
    check at its start raises ParityError."""
    black = np.zeros((1, *HW, 3), np.uint8)
    clean = np.full((1, HW[0] // 2, HW[1] // 2), 0.1)
    return write_fake_engine(path, golden=golden.pack(black, clean, np.array([0.1])))


def evaluate(folder: Path, settings: Settings = FAST, **changes: object) -> ClassResult:
    engine = write_fake_engine(folder.parent / "engine.onnx", **changes)
    (data,) = load(folder, None)
    return evaluate_class(engine, use_all_as_tests(data), settings)
