"""Tests the checks of the size of the frames before a run."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from inspector.build import build_run
from inspector.config import load_config
from inspector.core.errors import ConfigError


@pytest.mark.parametrize("uri", ["synthetic", "0"])
def test_a_frame_size_above_the_limit_is_refused(uri: str) -> None:
    values = {"source.uri": uri, "source.frame_size": "16384x16384", "engine.backend": "fake"}
    with pytest.raises(ConfigError, match=r"source\.frame_size: 16384x16384.*source\.max_pixels"):
        build_run(load_config(None, values))


def test_the_depth_of_the_configuration_reaches_the_pictures(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((40, 40), 900, np.uint16))
    values = {"source.uri": str(tmp_path), "engine.backend": "fake", "source.bit_depth": 10}
    run = build_run(load_config(None, values | {"output.dir": str(tmp_path / "out")}))
    assert run.source.read().image[0, 0, 0] == 900 >> 2  # type: ignore[union-attr]
