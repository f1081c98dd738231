"""Tests the metrics of pixels without masks and with JPEG masks."""

import dataclasses

import cv2
from plate_dataset import FAST, evaluate, write_class_folder, write_picture

from evaluation.terminal_tables import class_lines


def test_without_masks_pixel_metrics_are_undefined_with_the_reason(tmp_path):
    result = evaluate(write_class_folder(tmp_path / "plates", masks=False))
    for name in ("pixel_auroc", "pixel_ap", "pixel_f1_max", "aupro", "aupimo"):
        computed = getattr(result.figures, name)
        assert computed.value is None
        assert computed.reason == "no defective picture has a mask"
    assert result.figures.image_auroc.value is not None
    assert result.pixel_histogram is None
    (line,) = (line for line in class_lines(result) if "regions found" in line)
    assert line.endswith("undefined: no defective picture has a mask")


def test_jpeg_masks_give_a_warning_if_any_value_counts(tmp_path):
    folder = write_class_folder(tmp_path / "plates")
    for path in sorted((folder / "ground_truth").rglob("*.png")):
        write_picture(path.with_suffix(".jpg"), cv2.imread(str(path)))
        path.unlink()
    rules = {
        rule: evaluate(folder, dataclasses.replace(FAST, mask_values=rule)).warnings
        for rule in ("any", "half", "auto")
    }
    assert any("masks are JPEG files" in item for item in rules["any"])
    assert not any("JPEG" in item for item in (*rules["half"], *rules["auto"]))
    assert any("masks were compressed with losses" in item for item in rules["auto"])
