"""Engine.predict: from a picture of any form and size to map, score and verdict."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from loguru import logger

from engines import Engine, Prediction, open_engine
from engines.backends.fake import FakeEngine, fake_spec
from engines.spec import ResizeRule
from inspector.core.arrays import Image, Map
from inspector.core.errors import DataError, InferenceError
from inspector.core.types import Verdict

HW = (96, 128)
"""Of the engine's input; its map is half as large."""


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_engine(str(tmp_path / "none.json"), backend="fake")


def picture(hw: tuple[int, int], dark: tuple[float, float, float, float] | None = None) -> Image:
    """Light grey, black in the box (x0, y0, x1, y1) in fractions."""
    image = np.full((*hw, 3), 200, np.uint8)
    if dark is not None:
        x0, y0, x1, y1 = dark
        image[round(y0 * hw[0]) : round(y1 * hw[0]), round(x0 * hw[1]) : round(x1 * hw[1])] = 0
    return image


@pytest.mark.parametrize("hw", [(192, 256), (96, 128), (1080, 1440), (30, 40), (7, 1000), (1, 1)])
def test_pictures_of_any_size_are_judged(engine: Engine, hw: tuple[int, int]) -> None:
    good = engine.predict(picture(hw))
    bad = engine.predict(picture(hw, dark=(0, 0, 1, 1)))
    assert isinstance(good, Prediction)
    assert (good.verdict, bad.verdict) == (Verdict.PASS, Verdict.FAIL)
    assert good.score == 0
    assert bad.score == 1
    assert bad.anomaly_map.shape == (48, 64)
    assert bad.anomaly_map.dtype == np.float32
    corner = bad.to_picture.apply(np.array([[64.0, 48.0]]))
    np.testing.assert_allclose(corner, [[hw[1], hw[0]]])


def test_a_score_at_the_threshold_fails(tmp_path: Path) -> None:
    path = tmp_path / "fake.json"
    path.write_text(replace(fake_spec(HW), image_threshold=1.0).to_json())
    with open_engine(path, backend="fake") as engine:
        prediction = engine.predict(picture(HW, dark=(0, 0, 1, 1)))
    assert prediction.score == prediction.image_threshold == 1.0
    assert prediction.verdict is Verdict.FAIL


def test_colours_and_grey_come_in_the_order_that_channels_says(engine: Engine) -> None:
    blue = np.zeros((*HW, 3), np.uint8)
    blue[:, :, 0] = 255
    as_bgr = engine.predict(blue)
    as_rgb = engine.predict(blue[:, :, ::-1], channels="rgb")
    np.testing.assert_array_equal(as_bgr.anomaly_map, as_rgb.anomaly_map)
    assert as_bgr.score != engine.predict(blue, channels="rgb").score
    grey = np.random.default_rng(0).integers(0, 255, HW).astype(np.uint8)
    same = engine.predict(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR))
    np.testing.assert_array_equal(engine.predict(grey).anomaly_map, same.anomaly_map)
    np.testing.assert_array_equal(
        engine.predict(grey, channels="rgb").anomaly_map, same.anomaly_map
    )


def test_a_batch_holds_pictures_of_different_sizes_in_order(engine: Engine) -> None:
    pictures = [picture((60, 80)), picture((300, 400), dark=(0, 0, 1, 1)), picture(HW)]
    predictions = engine.predict_batch(pictures)
    assert [p.verdict for p in predictions] == [Verdict.PASS, Verdict.FAIL, Verdict.PASS]
    for prediction, each in zip(predictions, pictures, strict=True):
        alone = engine.predict(each)
        np.testing.assert_array_equal(prediction.anomaly_map, alone.anomaly_map)
        assert prediction.to_picture == alone.to_picture
        assert prediction.anomaly_map.base is None
    assert len(engine.predict_batch(np.stack([picture(HW)] * 3))) == 3
    assert engine.predict_batch([]) == []


def test_another_aspect_than_that_of_fitting_warns_once(engine: Engine) -> None:
    lines: list[str] = []
    handle = logger.add(lines.append, level="WARNING")
    for hw in (HW, (100, 100), (50, 300)):
        engine.predict(picture(hw))
    logger.remove(handle)
    assert len(lines) == 1
    assert "frames of 100x100 have another aspect" in lines[0]


def test_a_crop_maps_back_to_its_place_in_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "fake.json"
    cropped = replace(fake_spec(HW), resize=ResizeRule(HW, crop=(0.6, 0.25, 1.0, 0.75)))
    path.write_text(cropped.to_json())
    engine = open_engine(path, backend="fake")
    prediction = engine.predict(picture((200, 400), dark=(0.6, 0.25, 0.68, 0.35)))
    assert prediction.anomaly_map[:6, :6].min() > 0.5
    corners = prediction.to_picture.apply(np.array([[0.0, 0.0], [64.0, 48.0]]))
    np.testing.assert_allclose(corners, [[240, 50], [400, 150]])
    with pytest.raises(DataError, match="1x1 pixels is too small for the engine's crop"):
        engine.predict(picture((1, 1)))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (np.zeros((8, 8, 3), np.float32), "must be uint8 .* not float32"),
        (np.zeros((8, 8, 4), np.uint8), r"not \(8, 8, 4\)"),
        (np.zeros((8, 8, 1), np.uint8), r"not \(8, 8, 1\)"),
        (np.zeros((0, 8, 3), np.uint8), r"not \(0, 8, 3\)"),
        (np.zeros((8, 0, 3), np.uint8), r"not \(8, 0, 3\)"),
        (np.zeros(8, np.uint8), r"not \(8,\)"),
        ([[0, 0], [0, 0]], "must be a numpy array, not list"),
    ],
)
def test_what_is_no_picture_is_refused(engine: Engine, wrong: Any, sentence: str) -> None:
    with pytest.raises(DataError, match=f"^the picture .*{sentence}"):
        engine.predict(wrong)
    with pytest.raises(DataError, match=f"^picture 1: .*{sentence}"):
        engine.predict_batch([picture(HW), wrong])


def test_one_picture_is_no_batch_and_channels_have_two_orders(engine: Engine) -> None:
    with pytest.raises(DataError, match=r"list of pictures .* not an array of \(96, 128, 3\)"):
        engine.predict_batch(picture(HW))
    with pytest.raises(DataError, match="channels must be one of bgr, rgb, not 'gbr'"):
        engine.predict(picture(HW), channels="gbr")


def test_a_result_that_is_not_finite_is_never_a_pass(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: FakeEngine, pixels: Image) -> tuple[Map, Map]:
        maps = np.zeros((len(pixels), 48, 64), np.float32)
        maps[-1, 3, 3] = np.nan
        return maps, np.zeros(len(pixels), np.float32)

    monkeypatch.setattr(FakeEngine, "_run", broken)
    with pytest.raises(InferenceError, match=r"picture 1: .* not finite"):
        engine.predict_batch([picture(HW), picture(HW)])
