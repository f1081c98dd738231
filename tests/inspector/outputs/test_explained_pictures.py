"""Tests of the heat map, the boxes and the text of explained frames."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from explained_scenes import HW, as_image, disc, inspected, outlined, paint, surface
from output_parts import FlatPicture, run_info

from inspector.core.errors import SinkError
from inspector.core.types import Inspection, Verdict
from inspector.explain.explainer import Explainer
from inspector.explain.options import ExplainOptions
from inspector.outputs.explained_pictures import ExplainedPictureSink, format_report
from inspector.outputs.options import ExplainedPictureOptions

PICTURE = FlatPicture()
NAMES = [f"frame_00000003_{end}" for end in ("boxes.png", "heatmap.png", "report.txt")]


@pytest.fixture(scope="module")
def failing() -> Inspection:
    shares = [disc(90, 120, 16), disc(260, 60, 12)]
    picture = surface()
    for share in shares:
        picture = paint(picture, share, (-0.4,) * 3)
    scores = np.zeros((HW[0] // 2, HW[1] // 2), np.float32)
    scores[52:68, 37:53] = 2.0
    item = inspected(as_image(picture), *(outlined(share) for share in shares))
    explainer = Explainer(ExplainOptions(enabled=True, max_defects=1))
    return explainer.explain(replace(item, anomaly_map=scores))


def make_sink(folder: Path, when: str = "fail", max_count: int = 5) -> ExplainedPictureSink:
    sink = ExplainedPictureSink(folder, ExplainedPictureOptions(when=when, max_count=max_count))
    info = run_info()
    sink.open(replace(info, engine=info.engine | {"display_range": [0.0, 2.0]}))
    return sink


def test_a_failing_frame_has_three_files(tmp_path: Path, failing: Inspection) -> None:
    sink = make_sink(tmp_path / "explained")
    sink.write(failing, PICTURE)
    states = sink.take_states()
    assert sorted(path.name for path in states) == NAMES
    assert sink.take_states() == {}
    sink.close()
    heatmap = cv2.imread(str(tmp_path / "explained" / NAMES[1]))
    boxes = cv2.imread(str(tmp_path / "explained" / NAMES[0]))
    assert heatmap.shape == boxes.shape == (*HW, 3)
    hot, cold = heatmap[120, 90].astype(int), heatmap[200, 300].astype(int)
    assert hot[2] > hot[0] + 30
    assert cold[0] > cold[2]
    original = failing.frame.image
    assert original is not None
    changed = np.abs(boxes.astype(int) - original).max(axis=2) > 40
    assert changed[95:146, 66:116].any()
    assert changed[40:81, 240:281].any()
    assert not changed[180:, :].any()


def test_the_text_has_the_sentences_the_reasons_and_what_was_not_explained(
    failing: Inspection,
) -> None:
    text = format_report(failing)
    explanation = failing.defects[0].explanation
    assert explanation is not None
    for part in ("picture: part.png", "verdict: FAIL", "score: 2, threshold 1"):
        assert part in text
    assert f"defect 0: {explanation.sentence}" in text
    assert "kind spot because: thickness_share" in text
    assert "defect 1: not explained" in text
    assert f"summary: {failing.summary}" in text


def test_only_the_chosen_frames_have_files(tmp_path: Path, failing: Inspection) -> None:
    passing = replace(failing, verdict=Verdict.PASS)
    without_map = replace(failing, anomaly_map=None, to_frame=None)
    sink = make_sink(tmp_path / "fail")
    sink.write(passing, PICTURE)
    sink.write(without_map, PICTURE)
    assert sink.take_states() == {}
    sink = make_sink(tmp_path / "all", "all", max_count=1)
    sink.write(passing, PICTURE)
    assert len(sink.take_states()) == 3
    sink.write(passing, PICTURE)
    assert sink.take_states() == {}


def test_a_folder_that_was_removed_is_an_error(tmp_path: Path, failing: Inspection) -> None:
    sink = make_sink(tmp_path / "explained")
    (tmp_path / "explained").rmdir()
    with pytest.raises(SinkError, match="its folder is gone"):
        sink.write(failing, PICTURE)
