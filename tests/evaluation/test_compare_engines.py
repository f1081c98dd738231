"""Engines side by side on the same pictures."""

import json
from pathlib import Path

import numpy as np
import pytest
from scenes import engine_with_wrong_reference, fake_engine_file, make_class, plate, write
from sklearn.metrics import roc_auc_score

from engines.spec import ResizeRule
from evaluation.compare import Comparison
from evaluation.compare_dataset import compare_dataset, labels_of
from evaluation.compare_tables import comparison_lines
from evaluation.given import Settings
from inspector.core.errors import ConfigError
from learning.datasets.layouts import load

FAST = Settings(backend="fake", resamples=50)
BLUNT = (16, 24)
"""Input of an engine that sees less."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    make_class(tmp_path / "data" / "plates")
    for seed in range(6):  # specks so small that both engines are often wrong
        write(tmp_path / "data" / "plates" / "test" / "speck" / f"9{seed}.png", plate(300 + seed))
    fake_engine_file(tmp_path / "sharp.onnx", image_threshold=0.2)
    fake_engine_file(
        tmp_path / "blunt.onnx",
        resize=ResizeRule(BLUNT),
        map_hw=(BLUNT[0] // 2, BLUNT[1] // 2),
    )
    return tmp_path


def compared(place: Path, *names: str) -> Comparison:
    engines = [place / f"{name}.onnx" for name in names]
    return compare_dataset(engines, load(place / "data", None), place / "out", FAST)


def test_differences_are_of_the_figures_of_the_same_pictures(data):
    (one,) = compared(data, "sharp", "blunt").classes
    sharp = one.entrants[0]
    for difference in one.differences:
        first, second = (getattr(e.result.figures, difference.figure) for e in one.entrants)
        assert difference.label == "blunt"
        assert difference.value == pytest.approx(second.value - first.value, abs=1e-6)
        low, high = difference.interval
        assert low <= difference.value <= high
        assert 0 < difference.p <= 1
    scores = [(p.score, p.defective) for p in sharp.result.pictures]
    expected = roc_auc_score([bad for _, bad in scores], [score for score, _ in scores])
    assert sharp.result.figures.image_auroc.value == pytest.approx(expected)
    assert any("maps of different size: 12x8, 48x32" in note for note in one.notes)


def test_an_engine_does_not_differ_from_its_copy(data):
    (data / "copy.onnx").write_bytes((data / "sharp.onnx").read_bytes())
    (one,) = compared(data, "sharp", "copy").classes
    for difference in one.differences:
        assert difference.value == 0
        assert difference.interval == (0, 0)
        assert difference.p == 1
    assert one.disagreements[0].only_first_right == ()
    assert one.disagreements[0].only_this_right == ()


def test_pictures_that_only_one_engine_judges_rightly_are_named(data):
    (one,) = compared(data, "sharp", "blunt").classes
    wrong = [
        {p.name for p in e.result.pictures if (p.verdict == "FAIL") != p.defective}
        for e in one.entrants
    ]
    (found,) = one.disagreements
    assert set(found.only_first_right) == wrong[1] - wrong[0]
    assert set(found.only_this_right) == wrong[0] - wrong[1]
    assert found.only_first_right


def test_a_third_engine_is_compared_with_the_first(data):
    fake_engine_file(data / "third.onnx", image_threshold=0.9)
    (one,) = compared(data, "sharp", "blunt", "third").classes
    assert {difference.label for difference in one.differences} == {"blunt", "third"}
    third = [d for d in one.differences if d.label == "third"]
    assert all(d.value == 0 for d in third)
    assert len(one.differences) == 8


def test_results_are_taken_over_and_written_as_strict_json(data):
    compared(data, "sharp", "blunt")
    before = (data / "out" / "sharp" / "plates" / "metrics.json").stat().st_mtime_ns
    compared(data, "sharp", "blunt")
    assert (data / "out" / "sharp" / "plates" / "metrics.json").stat().st_mtime_ns == before

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    written = json.loads((data / "out" / "compare.json").read_text(), parse_constant=refuse)
    (one,) = written["classes"]
    assert [entrant["label"] for entrant in one["entrants"]] == ["sharp", "blunt"]
    assert len(one["differences"]) == 4


def test_without_masks_pixel_differences_are_undefined_with_the_reason(data):
    for mask in (data / "data" / "plates" / "ground_truth").rglob("*.png"):
        mask.unlink()
    (one,) = compared(data, "sharp", "blunt").classes
    values = {difference.figure: difference for difference in one.differences}
    assert values["pixel_auroc"].value is None
    assert values["pixel_auroc"].reason == "no defective picture has a mask"
    assert values["image_auroc"].value is not None


def test_without_defects_only_verdicts_are_compared(data):
    for kind in ("hole", "speck"):
        for path in (data / "data" / "plates" / "test" / kind).iterdir():
            path.unlink()
    found = compared(data, "sharp", "blunt")
    (one,) = found.classes
    assert {d.reason for d in one.differences} == {
        "no anomalous pictures",
        "no defective pictures",
    }
    assert comparison_lines(found)


def test_without_resamples_differences_have_no_interval(data):
    engines = [data / "sharp.onnx", data / "blunt.onnx"]
    plain = Settings(backend="fake", resamples=0)
    (one,) = compare_dataset(engines, load(data / "data", None), data / "out", plain).classes
    image = next(d for d in one.differences if d.figure == "image_auroc")
    assert image.value is not None
    assert (image.interval, image.p) == (None, None)
    pixel = next(d for d in one.differences if d.figure == "aupro")
    assert pixel.reason == "the results were made without resamples"


def test_a_class_that_one_engine_cannot_judge_is_named(data):
    make_class(data / "data" / "nuts", good=2, defective=1)
    for name in ("a", "b"):
        fake_engine_file(data / name / "plates.onnx")
        fake_engine_file(data / name / "nuts.onnx")
    (data / "b" / "nuts.onnx").write_text("no spec")
    classes = load(data / "data", None)
    found = compare_dataset([data / "a", data / "b"], classes, data / "out", FAST)
    assert [one.name for one in found.classes] == ["plates"]
    (failure,) = found.failures
    assert failure.name == "nuts"
    assert failure.reason.startswith("b: ")


def test_an_engine_that_breaks_parity_stops_no_other_class(data):
    make_class(data / "data" / "nuts", good=2, defective=1)
    for name in ("a", "b"):
        fake_engine_file(data / name / "plates.onnx")
        fake_engine_file(data / name / "nuts.onnx")
    engine_with_wrong_reference(data / "b" / "nuts.onnx")
    engines = [data / "a", data / "b"]
    result = compare_dataset(engines, load(data / "data", None), data / "out", FAST)
    assert [one.name for one in result.classes] == ["plates"]
    (failure,) = result.failures
    assert failure.name == "nuts"
    assert failure.reason.startswith("b: ")
    assert "golden pictures" in failure.reason


def test_both_engines_are_timed_on_the_same_pictures(data):
    (one,) = compared(data, "sharp", "blunt").classes
    assert [entrant.latency.pictures for entrant in one.entrants] == [48, 48]
    assert one.entrants[0].times_first == 1
    assert np.isfinite(one.entrants[1].times_first)


def test_labels_are_short_and_differ():
    assert labels_of([Path("x/a.onnx"), Path("x/b.onnx")]) == ("a", "b")
    assert labels_of([Path("x/a.onnx"), Path("y/a.onnx")]) == ("x-a", "y-a")
    with pytest.raises(ConfigError, match="named twice"):
        labels_of([Path("a.onnx"), Path("./a.onnx")])
    with pytest.raises(ConfigError, match="at least two"):
        labels_of([Path("a.onnx")])


def test_the_table_names_all_engines_and_their_differences(data):
    text = "\n".join(comparison_lines(compared(data, "sharp", "blunt")))
    for word in ("sharp", "blunt", "image AUROC", "AUPRO@0.3", "false alarms", "p50 ms", "95 %"):
        assert word in text
