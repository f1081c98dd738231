"""Tests detect_and_explain() with the fake engine, for which dark pixels are anomalous."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from explained_scenes import as_image, disc, line, paint, surface

import inspector
from calibration.scale import from_scale
from engines.backends.fake import FakeEngine
from inspector.core.arrays import Image
from inspector.core.errors import CalibrationSizeError, DataError
from inspector.core.types import Verdict
from inspector.render.colormap import heat_bgr

POINTS = np.array(((20.0, 100.0), (160.0, 100.0)))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[FakeEngine]:
    with FakeEngine(tmp_path / "none") as engine:
        yield engine


@pytest.fixture(scope="module")
def part() -> Image:
    """Bright, with a dark scratch and a dark spot."""
    picture = surface() * np.float32(1.4)
    picture = paint(picture, line(POINTS, 9), (-0.75,) * 3)
    return as_image(paint(picture, disc(270, 120, 16), (-0.55,) * 3))


def test_the_defects_of_a_picture_are_explained_and_saved(
    engine: FakeEngine, part: Image, tmp_path: Path
) -> None:
    result = inspector.detect_and_explain(engine, part)
    assert result.verdict is Verdict.FAIL
    assert result.score == engine.predict(part).score
    kinds = {d.explanation.kind: d.explanation.place for d in result.defects if d.explanation}
    assert kinds == {"scratch": "left", "spot": "right"}
    assert result.summary.startswith("2 defects: ")
    paths = result.save(tmp_path / "new", "part 7")
    names = ["part 7_heatmap.png", "part 7_boxes.png", "part 7_report.txt"]
    assert [path.name for path in paths] == names
    assert cv2.imread(str(paths[1])).shape == part.shape
    assert paths[2].read_text(encoding="utf-8") == result.report
    assert all(d.explanation and d.explanation.sentence in result.report for d in result.defects)


def test_files_and_rgb_arrays_give_the_same_as_bgr_arrays(
    engine: FakeEngine, part: Image, tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "part.png"), part)
    expected = inspector.detect_and_explain(engine, part)
    from_file = inspector.detect_and_explain(engine, tmp_path / "part.png")
    from_rgb = inspector.detect_and_explain(engine, part[:, :, ::-1], channels="rgb")
    explanations = [d.explanation for d in expected.defects]
    assert [d.explanation for d in from_file.defects] == explanations
    assert [d.explanation for d in from_rgb.defects] == explanations
    assert "picture: part.png" in from_file.report


def test_a_good_picture_has_no_defects(engine: FakeEngine) -> None:
    result = inspector.detect_and_explain(engine, as_image(surface() * np.float32(1.4)))
    assert (result.verdict, result.defects, result.summary) == (Verdict.PASS, (), "No defects.")


def test_a_scale_of_the_picture_changes_the_colours_of_the_heat_map_only(
    engine: FakeEngine, tmp_path: Path
) -> None:
    weak = paint(surface() * np.float32(1.4), disc(270, 120, 16), (-0.35,) * 3)
    result = inspector.detect_and_explain(engine, as_image(weak))
    assert result.score < result.display_range[1] / 2
    saved = {
        scale: result.save(tmp_path / scale, "part", scale=scale) for scale in ("engine", "picture")
    }
    middles = [cv2.imread(str(paths[0]))[120, 270].astype(int) for paths in saved.values()]
    hottest = heat_bgr()[-1].astype(int) - heat_bgr()[0]
    assert (middles[1] - middles[0]) @ hottest > 0
    for engine_file, picture_file in list(zip(*saved.values(), strict=True))[1:]:
        assert engine_file.read_bytes() == picture_file.read_bytes()
    with pytest.raises(ValueError, match="engine or picture"):
        result.save(tmp_path, "part", scale="own")


def test_a_map_of_equal_scores_is_drawn_with_the_scale_of_the_engine(
    engine: FakeEngine, tmp_path: Path
) -> None:
    result = inspector.detect_and_explain(engine, np.full((192, 256, 3), 250, np.uint8))
    files = [result.save(tmp_path / s, "part", scale=s)[0] for s in ("engine", "picture")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_picture_without_a_defect_has_its_highest_places(
    engine: FakeEngine, part: Image, tmp_path: Path
) -> None:
    weak = surface() * np.float32(1.4)
    for x, y, gain in ((300, 200, -0.4), (60, 40, -0.35), (180, 120, -0.3)):
        weak = paint(weak, disc(x, y, 16), (gain,) * 3)
    result = inspector.detect_and_explain(engine, as_image(weak), hotspots=2)
    assert result.defects == ()
    assert [spot.place for spot in result.hotspots] == ["bottom right", "top left"]
    for spot, true in zip(result.hotspots, ((300, 200), (60, 40)), strict=True):
        assert np.hypot(*np.subtract(spot.position_px, true)) < 16
        assert (spot.kind, spot.threshold) == ("unclear", result.inspection.pixel_threshold)
        assert 0 < spot.score < spot.threshold
        assert f"{spot.score:.4g}" in spot.sentence
        assert spot.sentence in result.report
    assert result.hotspots[0].score == result.inspection.anomaly_map.max()
    assert result.save(tmp_path, "weak")[2].read_text(encoding="utf-8") == result.report
    assert len(inspector.detect_and_explain(engine, as_image(weak), hotspots=9).hotspots) == 3
    assert inspector.detect_and_explain(engine, as_image(weak)).hotspots == ()
    assert inspector.detect_and_explain(engine, part, hotspots=2).hotspots == ()


def test_a_calibration_gives_millimetres(engine: FakeEngine, part: Image) -> None:
    scale = from_scale(0.1, part.shape[:2])
    result = inspector.detect_and_explain(engine, part, calibration=scale)
    assert all(d.explanation and " mm long" in d.explanation.sentence for d in result.defects)
    with pytest.raises(CalibrationSizeError):
        inspector.detect_and_explain(engine, part[:100], calibration=scale)


def test_the_number_of_explained_defects_is_limited(engine: FakeEngine, part: Image) -> None:
    result = inspector.detect_and_explain(engine, part, max_defects=1)
    assert sum(d.explanation is not None for d in result.defects) == 1
    assert "1 not explained" in result.summary


@pytest.mark.parametrize("picture", [np.zeros((4, 4, 4), np.uint8), np.zeros((9, 9, 3), float)])
def test_a_picture_that_cannot_be_used_is_refused(engine: FakeEngine, picture: np.ndarray) -> None:
    with pytest.raises(DataError):
        inspector.detect_and_explain(engine, picture)


def test_a_missing_file_is_refused(engine: FakeEngine, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.png"):
        inspector.detect_and_explain(engine, tmp_path / "none.png")
