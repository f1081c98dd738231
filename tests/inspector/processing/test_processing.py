"""Tests of the model input made from frames and of the verdicts made from maps."""

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
from loguru import logger

from calibration.scale import from_scale
from engines.resize import to_input
from engines.spec import EngineSpec, ResizeRule, ThresholdRule
from inspector.core.arrays import freeze
from inspector.core.errors import FrameError
from inspector.core.geometry import Affine
from inspector.core.stage_items import EngineOutput, Fault
from inspector.core.types import Cause, Defect, Frame, Severity, Verdict
from inspector.processing.postprocess import Judge, SizeRule
from inspector.processing.preprocess import Preprocess

SPEC = EngineSpec(
    name="t",
    method="rad",
    backbone="b",
    layers=("a",),
    frame_hw=(720, 1280),
    resize=ResizeRule((256, 448)),
    map_hw=(256, 448),
    image_threshold=1.0,
    pixel_threshold=2.0,
    threshold_rule=ThresholdRule("none", 0.1, 10, 5, (0.0, 0.3)),
    display_range=(0.0, 1.0),
    graph_hash="",
)


CALIBRATION = from_scale(0.5, (720, 1280))


def frame(height: int, width: int) -> Frame:
    image = freeze(np.zeros((height, width, 3), np.uint8))
    return Frame(0, "t", image, 0, 0.0, "")


def test_a_frame_becomes_rgb_input_with_a_map_back() -> None:
    image = np.zeros((720, 1280, 3), np.uint8)
    image[:, :, 0] = 200  # blue, in OpenCV's order
    model_input = Preprocess(SPEC)(replace(frame(1, 1), image=freeze(image)))
    assert model_input.pixels.shape == (256, 448, 3)
    assert tuple(model_input.pixels[5, 5]) == (0, 0, 200)
    np.testing.assert_allclose(
        model_input.to_frame.apply(np.array([[448.0, 256.0]])), [[1280, 720]]
    )


def test_the_crop_comes_before_resizing() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    image[25:75, 100:] = 255
    pixels, to_frame = to_input(freeze(image), ResizeRule((32, 32), (0.5, 0.25, 1.0, 0.75)))
    assert pixels.min() == 255
    np.testing.assert_allclose(to_frame.apply(np.array([[0.0, 0.0]])), [[100, 25]])


def test_resizing_averages_and_does_not_alias() -> None:
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 255
    pixels, _ = to_input(freeze(stripes), ResizeRule((128, 128)))
    assert abs(int(pixels.min()) - 128) <= 1
    assert abs(int(pixels.max()) - 128) <= 1


def test_another_aspect_is_an_error_of_that_frame() -> None:
    preprocess = Preprocess(SPEC)
    preprocess(frame(720, 1280))
    for height, width in ((480, 640), (1280, 720), (720, 1310)):
        with pytest.raises(FrameError, match=rf"{width}x{height}.*--allow-aspect") as caught:
            preprocess(frame(height, width))
        assert caught.value.cause is Cause.SIZE
    preprocess(frame(720, 1300))
    assert preprocess.warnings == []


def test_an_engine_of_varied_aspects_accepts_frames_within_them() -> None:
    preprocess = Preprocess(replace(SPEC, aspects=(0.5, 2.0)))
    for height, width in ((720, 1280), (480, 640), (640, 480), (300, 600), (600, 300)):
        preprocess(frame(height, width))
    assert preprocess.warnings == []
    with pytest.raises(FrameError, match=r"700x300 .* \(2\.33\) .* \(0\.50 to 2\.00\): .*--allow"):
        preprocess(frame(300, 700))


def test_an_allowed_other_aspect_warns_once_and_runs() -> None:
    lines: list[str] = []
    handle = logger.add(lines.append, level="WARNING")
    preprocess = Preprocess(SPEC, allow_aspect=True)
    for height, width in ((720, 1280), (480, 640), (480, 640), (300, 300)):
        preprocess(frame(height, width))
    logger.remove(handle)
    assert len(preprocess.warnings) == len(lines) == 1
    assert "640x480" in preprocess.warnings[0]
    assert "1280x720" in preprocess.warnings[0]


def test_another_size_of_the_same_aspect_does_not_warn() -> None:
    preprocess = Preprocess(SPEC)
    preprocess(frame(1080, 1920))
    preprocess(frame(360, 640))
    assert preprocess.warnings == []


def test_a_frame_too_small_for_the_crop_is_an_error_of_that_frame() -> None:
    cropped = replace(SPEC, resize=ResizeRule((256, 448), (0.6, 0.0, 1.0, 1.0)))
    with pytest.raises(FrameError, match="1x1 pixels is too small") as caught:
        Preprocess(cropped)(frame(1, 1))
    assert caught.value.cause is Cause.SIZE


def test_a_first_frame_of_another_size_is_an_error_of_that_frame() -> None:
    preprocess = Preprocess(SPEC, CALIBRATION.check)
    for _ in range(2):
        with pytest.raises(FrameError, match=r"1280x720.*1280x721") as caught:
            preprocess(frame(721, 1280))
        assert caught.value.cause is Cause.SIZE
    assert preprocess(frame(720, 1280)).pixels.shape == (256, 448, 3)


def test_a_later_frame_of_another_size_is_an_error_of_that_frame() -> None:
    preprocess = Preprocess(SPEC, CALIBRATION.check)
    preprocess(frame(720, 1280))
    for _ in range(2):
        with pytest.raises(FrameError, match=r"1280x720.*1280x721") as caught:
            preprocess(frame(721, 1280))
        assert caught.value.cause is Cause.SIZE
    assert preprocess(frame(720, 1280)).pixels.shape == (256, 448, 3)


def defect(**values: Any) -> Defect:
    defaults: dict[str, Any] = {
        "defect_id": 0,
        "polygons": (np.zeros((3, 2)),),
        "holes": 0,
        "box_px": (0.0, 0.0, 1.0, 1.0),
        "centroid_px": (0.5, 0.5),
        "area_px": 50.0,
        "length_px": 10.0,
        "width_px": 5.0,
        "orientation_deg": 0.0,
        "peak_score": 3.0,
        "mean_score": 2.5,
        "severity": Severity.LOW,
        "size_source": "refined",
        "truncated": False,
        "map_area_px": 60.0,
        "map_length_px": 12.0,
        "map_width_px": 6.0,
    }
    return Defect(**(defaults | values))


def decide_verdict(score: float, defects: tuple[Defect, ...], **options: Any) -> Verdict:
    output = EngineOutput(frame(8, 8), np.zeros((4, 4), np.float32), Affine(2, 2), score)
    judge = Judge(lambda *_: defects, image_threshold=1.0, pixel_threshold=2.0, **options)
    inspection = judge(output)
    assert len(inspection.defects) == len(defects)
    assert inspection.score == score
    return inspection.verdict


@pytest.mark.parametrize(
    ("score", "unless_failed", "verdict"),
    [
        (0.5, False, Verdict.ERROR),
        (0.5, True, Verdict.ERROR),
        (1.5, False, Verdict.ERROR),
        (1.5, True, Verdict.FAIL),
    ],
)
def test_only_a_fault_that_a_defect_can_cause_leaves_a_failed_frame(
    score: float, unless_failed: bool, verdict: Verdict
) -> None:
    fault = Fault("it is darker", Cause.HEALTH, unless_failed)
    output = EngineOutput(frame(8, 8), np.zeros((4, 4), np.float32), Affine(2, 2), score, fault)
    judge = Judge(lambda *_: (), image_threshold=1.0, pixel_threshold=2.0)
    for inspection in (judge(output), judge.judge_map(output)):
        assert inspection.verdict is verdict
        assert (inspection.cause is Cause.HEALTH) is (verdict is Verdict.ERROR)


@pytest.mark.parametrize("calibrated", [True, False])
def test_sizes_in_mm_are_withheld_with_the_reason(calibrated: bool) -> None:
    output = EngineOutput(frame(8, 8), np.full((4, 4), 3, np.float32), Affine(2, 2), 1.5)
    judge = Judge(
        lambda *_: (defect(length_mm=2.0 if calibrated else None),),
        image_threshold=1.0,
        pixel_threshold=2.0,
        recall=lambda _: cast(Any, "known"),
        analyze_px=(lambda *args: (defect(),) if args[-1] is None else ()) if calibrated else None,
    )
    assert judge(output).defects[0].length_mm == (2.0 if calibrated else None)
    moved = judge(replace(output, no_mm="the camera has moved"))
    assert moved.defects[0].length_mm is None
    assert moved.reason == ("the camera has moved" if calibrated else None)


def test_a_score_at_the_threshold_fails() -> None:
    assert decide_verdict(1.0, ()) is Verdict.FAIL
    assert decide_verdict(np.nextafter(1.0, 0), (defect(),)) is Verdict.PASS


def test_the_size_rule_needs_every_limit_that_is_set() -> None:
    rule = SizeRule(min_length_mm=2.0, min_area_px=40.0, guard_band=0.0)
    small, unknown = defect(length_mm=1.0), defect(length_mm=None)
    large, thin = defect(length_mm=2.0), defect(length_mm=9.0, area_px=39.0)
    for defects, verdict in (
        ((), Verdict.PASS),
        ((small,), Verdict.PASS),
        ((unknown,), Verdict.FAIL),
        ((thin,), Verdict.PASS),
        ((small, large), Verdict.FAIL),
    ):
        assert decide_verdict(5.0, defects, rule="defects", size_rule=rule) is verdict


def test_without_limits_any_defect_fails() -> None:
    assert decide_verdict(0.0, (defect(),), rule="defects") is Verdict.FAIL
    assert decide_verdict(0.0, (), rule="defects") is Verdict.PASS


def test_either_fails_by_score_or_by_size() -> None:
    assert decide_verdict(5.0, (), rule="either") is Verdict.FAIL
    assert decide_verdict(0.0, (defect(),), rule="either") is Verdict.FAIL
    assert decide_verdict(0.0, (), rule="either") is Verdict.PASS
