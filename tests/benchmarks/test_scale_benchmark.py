"""The predicted speed of a pipeline, its chart, and the clips with several defects per frame."""

from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks.clips import frames
from benchmarks.scale_chart import Curve, Panel, draw_panels
from benchmarks.scale_model import predict_rate, slowest_thread, thread_times

STAGES = {"capture": 4.0, "preprocess": 1.0, "infer": 10.0, "render": 3.0, "video_file": 9.0}


def test_all_outputs_are_the_work_of_one_thread():
    assert thread_times(STAGES)["output"] == 12.0
    assert slowest_thread(STAGES) == ("output", 12.0)


@pytest.mark.parametrize(
    ("cores", "cameras", "rate"),
    [(1, 1, 1e3 / 27), (2, 1, 2e3 / 27), (8, 1, 1e3 / 12), (8, 4, 8e3 / 27), (8, 2, 2e3 / 12)],
)
def test_the_cores_or_the_slowest_thread_limit_the_rate(cores, cameras, rate):
    assert predict_rate(STAGES, cores, cameras) == pytest.approx(rate)


def test_the_chart_names_every_panel_and_every_curve():
    curve = Curve("measured", [(1, 20.0), (2, 38.0)])
    panels = [Panel("frames/s", "cores", [curve]), Panel("bank", "MB", [Curve("cost", [(4, 9.0)])])]
    root = ElementTree.fromstring(draw_panels(panels))
    texts = {element.text for element in root.iter() if element.tag.endswith("text")}
    assert {"frames/s", "cores", "measured", "bank", "MB", "cost"} <= texts


def test_a_share_above_one_is_the_number_of_defects_in_each_frame():
    pytest.importorskip("skimage")
    clean, crowded = (next(frames((96, 128), 1, share, seed=3)) for share in (0.0, 3.0))
    single = next(frames((96, 128), 1, 1.0, seed=3))
    changed = [np.count_nonzero((image != clean).any(axis=2)) for image in (single, crowded)]
    assert 0 < changed[0] < changed[1]
