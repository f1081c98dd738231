"""Tests that normal and inspected web of the demo show different parts of the photograph."""

from itertools import islice

import cv2
import numpy as np
import pytest

from inspector.core.errors import ConfigError
from inspector.synthetic.demo_scene import (
    FRAME_HW,
    SIZES_MM,
    inspected_scene,
    normal_frames,
    split_photograph,
)

pytest.importorskip("skimage", reason="the pictures of the demo come with scikit-image")


def test_normal_and_inspected_pieces_share_no_part_of_the_photograph() -> None:
    y, x = np.indices((512, 512)).astype(float) / 2
    position = np.stack((x, y, np.zeros_like(x)), axis=2).astype(np.uint8)
    normal, inspected = split_photograph(position)
    assert len(normal) == len(inspected) == 10
    boxes = {
        name: [(p[..., 0].min(), p[..., 1].min(), p[..., 0].max(), p[..., 1].max()) for p in half]
        for name, half in (("normal", normal), ("inspected", inspected))
    }
    for a in boxes["normal"]:
        for b in boxes["inspected"]:
            assert a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1]


def test_normal_frames_have_the_inspected_size_and_another_light_on_every_piece() -> None:
    first, *_, fourth, fifth = islice(normal_frames("gravel", 1), 5)
    assert first.shape == (*FRAME_HW, 3)
    light = [cv2.resize(f, (8, 6), interpolation=cv2.INTER_AREA) for f in (first, fourth, fifth)]
    same, other = (np.abs(light[0].astype(int) - light[i]).mean() for i in (1, 2))
    assert other > 2 * same


def test_the_inspected_web_begins_clean_and_shows_every_defect_completely() -> None:
    scene = inspected_scene("gravel", 1)
    assert not scene.web.visible(0)
    seen = {
        hit.web_id: (hit.defect.kind, round(hit.defect.length_mm))
        for index in range(scene.frames)
        for hit in scene.web.visible(index)
        if hit.complete
    }
    expected = [(kind, round(length)) for kind, sizes in SIZES_MM.items() for length, _ in sizes]
    assert sorted(seen.values()) == sorted(expected)
    assert not scene.web.visible(scene.frames + 1)


def test_the_error_without_scikit_image_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "skimage", None)
    with pytest.raises(ConfigError, match="needs scikit-image"):
        inspected_scene("gravel", 1)
