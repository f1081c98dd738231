"""Tests that pictures of another aspect than those of fitting need a permission."""

import dataclasses

import pytest
from plate_dataset import FAST, evaluate, write_class_folder

from inspector.core.errors import DataError


def test_pictures_of_another_aspect_have_no_score_unless_allowed(tmp_path):
    folder = write_class_folder(tmp_path / "plates")
    with pytest.raises(DataError, match="another aspect ratio"):
        evaluate(folder, frame_hw=(64, 64))
    allowed = dataclasses.replace(FAST, allow_aspect=True)
    result = evaluate(folder, allowed, frame_hw=(64, 64))
    assert any("another aspect" in item for item in result.warnings)
    assert result.errors == ()
