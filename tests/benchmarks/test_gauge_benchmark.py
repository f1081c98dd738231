"""The rendered target of the gauge benchmark."""

import json

import numpy as np
import pytest

from benchmarks.gauge import DIAMETERS_MM, MM_PER_PX, draw_discs, main, place_discs


def test_the_discs_have_their_true_area() -> None:
    area = float(draw_discs(place_discs() + 0.37).sum()) * MM_PER_PX**2
    assert area == pytest.approx(float(np.sum(np.pi * np.square(DIAMETERS_MM)) / 4), rel=1e-3)


def test_the_study_of_the_target_is_printed(capsys) -> None:
    main()
    lines = capsys.readouterr().out.splitlines()
    figures = json.loads(lines[-1])["gauge"]
    assert 0 < figures["grr_of_tolerance"] < 0.3
    assert abs(figures["mean_bias_mm"]) < 0.1
