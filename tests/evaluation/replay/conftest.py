"""Provides clips, engines and recorded runs to the tests of the replay."""

from pathlib import Path

import numpy as np
import pytest
from flow_rig import Inspect, clip, engine, inspect, margin, write_pictures

from inspector.core.arrays import Image

__all__ = ["clip", "engine", "inspect", "margin"]

WEB = (
    *("--set", "engine.backend=fake", "--set", "source.synthetic.frames=16", "--no-video"),
    *("--set", "source.synthetic.defect_rate=0.6", "--set", "source.frame_size=320x240"),
    *("--set", "source.synthetic.paced=true", "--set", "source.fps=60"),
)
ORIGINALS = ("--set", "output.originals.enabled=true")


@pytest.fixture
def parts(inspect: Inspect, tmp_path: Path) -> Inspect:
    """parts(*arguments) inspects 16 pictures with the fake engine, half of them with a defect."""
    folder = write_pictures(tmp_path / "parts", [picture(k) for k in range(16)])
    fake = ("--set", "engine.backend=fake", "--no-video")
    return lambda *arguments: inspect(folder, None, *fake, *arguments)


def picture(number: int) -> Image:
    image = np.random.default_rng(number).integers(150, 170, (120, 160, 3)).astype(np.uint8)
    if number % 2:
        image[30 : 40 + number, 50:90] = 0
    return image


@pytest.fixture
def live(inspect: Inspect) -> Inspect:
    """live(*arguments) inspects the synthetic web as a live source and saves its originals."""
    return lambda *arguments: inspect("synthetic", None, *WEB, *ORIGINALS, *arguments)
