"""From pictures on disk to a report: the engine is run once more on what is shown."""

from pathlib import Path

import numpy as np
import pytest
from report_parts import Page
from scenes import HOLES, HW, fake_engine_file, make_class, spec

from engines.opening import open_engine
from engines.spec import ResizeRule
from evaluation.evaluating import evaluate_class
from evaluation.given import Settings
from evaluation.report.views import EngineViews
from evaluation.report.write import REPORT, write_class_report
from evaluation.results import ClassResult, PictureResult
from inspector.core.errors import DataError, SinkError
from learning.datasets.layouts import load
from learning.datasets.types import ClassData

FAKE = Settings(backend="fake", resamples=0)


def evaluated(folder: Path) -> tuple[Path, ClassData, ClassResult]:
    (data,) = load(make_class(folder / "plates"), None)
    engine = fake_engine_file(folder / "engine.json")
    return engine, data, evaluate_class(engine, data, FAKE)


def named(result: ClassResult, name: str) -> PictureResult:
    return next(one for one in result.pictures if one.name == name)


def test_a_report_of_real_files_shows_what_was_found(tmp_path: Path) -> None:
    engine, data, result = evaluated(tmp_path)
    write_class_report(tmp_path / "out", result, engine, data, several=False)
    page = Page((tmp_path / "out" / REPORT).read_text(encoding="utf-8"))
    assert "cannot be shown" not in page.text
    assert [a.get("href") for a in page.every("a")] == []
    for kind in HOLES:
        assert f"test/{kind}/000.png" in page.text
    shown = [a["value"] for a in page.every("data")]
    assert repr(result.figures.image_auroc.value) in shown
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [REPORT]


def test_a_view_has_the_map_where_the_defect_is(tmp_path: Path) -> None:
    path, data, result = evaluated(tmp_path)
    engine = open_engine(path, backend="fake")
    view = EngineViews(engine, data.tests(), "any")(named(result, "test/hole/001.png"))
    assert view.image.shape == (*HW, 3)
    assert view.mask is not None
    row, column = np.unravel_index(np.argmax(view.anomaly_map), view.anomaly_map.shape)
    ((x, y),) = view.to_frame.apply(np.array(((column + 0.5, row + 0.5),)))
    assert view.mask[int(y), int(x)]


def test_a_map_of_a_cropped_engine_lies_on_its_crop(tmp_path: Path) -> None:
    (data,) = load(make_class(tmp_path / "plates"), None)
    crop = ResizeRule((32, 48), crop=(0.25, 0.5, 0.75, 1.0))
    path = fake_engine_file(tmp_path / "e.json", resize=crop, map_hw=(16, 24))
    engine = open_engine(path, backend="fake")
    result = evaluate_class(path, data, FAKE)
    view = EngineViews(engine, data.tests(), "any")(result.pictures[0])
    corners = view.to_frame.apply(np.array(((0.0, 0.0), (24.0, 16.0))))
    assert corners.tolist() == [[24.0, 32.0], [72.0, 64.0]]


def test_a_good_picture_has_no_mask(tmp_path: Path) -> None:
    path, data, result = evaluated(tmp_path)
    views = EngineViews(open_engine(path, backend="fake"), data.tests(), "any")
    assert views(named(result, "test/good/000.png")).mask is None


@pytest.mark.parametrize("lost", ["test/hole/000.png", "ground_truth/hole/000_mask.png"])
def test_a_picture_or_mask_lost_after_the_evaluation_is_named(tmp_path: Path, lost: str) -> None:
    path, data, result = evaluated(tmp_path)
    (tmp_path / "plates" / lost).unlink()
    views = EngineViews(open_engine(path, backend="fake"), data.tests(), "any")
    with pytest.raises(DataError, match=Path(lost).name):
        views(named(result, "test/hole/000.png"))


def test_a_report_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    engine, data, result = evaluated(tmp_path)
    (tmp_path / "out").write_text("a file where a folder should be")
    with pytest.raises(SinkError, match=r"report\.html"):
        write_class_report(tmp_path / "out", result, engine, data, several=False)


def test_the_thresholds_of_the_report_are_the_engines(tmp_path: Path) -> None:
    engine, data, result = evaluated(tmp_path)
    write_class_report(tmp_path, result, engine, data, several=True)
    text = (tmp_path / REPORT).read_text(encoding="utf-8")
    assert f"<dd>{spec().image_threshold!r}</dd>" in text
    assert f"<dd>{spec().pixel_threshold!r}</dd>" in text
    assert 'href="../report.html"' in text
