"""Comparison of engines on the same pictures."""

import json
from pathlib import Path

import numpy as np
import pytest
from plate_dataset import (
    draw_plate,
    write_class_folder,
    write_engine_with_wrong_reference,
    write_fake_engine,
    write_picture,
)
from sklearn.metrics import roc_auc_score

from engines.spec import ResizeRule
from evaluation.comparison import Comparison
from evaluation.dataset import compare_dataset, label_engines
from evaluation.provenance import Settings
from evaluation.terminal_tables import comparison_lines
from inspector.core.errors import ConfigError
from learning.datasets.layouts import load

FAST = Settings(backend="fake", resamples=50)
BLUNT = (16, 24)
"""Input size of an engine with a low resolution."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_class_folder(tmp_path / "data" / "plates")
    for seed in range(6):  # both engines often miss these small specks
        write_picture(
            tmp_path / "data" / "plates" / "test" / "speck" / f"9{seed}.png", draw_plate(300 + seed)
        )
    write_fake_engine(tmp_path / "sharp.onnx", image_threshold=0.2)
    write_fake_engine(
        tmp_path / "blunt.onnx",
        resize=ResizeRule(BLUNT),
        map_hw=(BLUNT[0] // 2, BLUNT[1] // 2),
    )
    return tmp_path


def compare(place: Path, *names: str) -> Comparison:
    engines = [place / f"{name}.onnx" for name in names]
    return compare_dataset(engines, load(place / "data", None), place / "out", FAST)


def test_differences_are_between_the_metrics_of_the_same_pictures(data):
    (item,) = compare(data, "sharp", "blunt").classes
    sharp = item.engines[0]
    for difference in item.differences:
        first, second = (getattr(e.result.figures, difference.figure) for e in item.engines)
        assert difference.label == "blunt"
        assert difference.value == pytest.approx(second.value - first.value, abs=1e-6)
        low, high = difference.interval
        assert low <= difference.value <= high
        assert 0 < difference.p <= 1
    scores = [(p.score, p.defective) for p in sharp.result.pictures]
    expected = roc_auc_score([bad for _, bad in scores], [score for score, _ in scores])
    assert sharp.result.figures.image_auroc.value == pytest.approx(expected)
    assert any("maps of different size: 12x8, 48x32" in note for note in item.notes)


def test_an_engine_does_not_differ_from_its_copy(data):
    (data / "copy.onnx").write_bytes((data / "sharp.onnx").read_bytes())
    (item,) = compare(data, "sharp", "copy").classes
    for difference in item.differences:
        assert difference.value == 0
        assert difference.interval == (0, 0)
        assert difference.p == 1
    assert item.disagreements[0].only_first_right == ()
    assert item.disagreements[0].only_this_right == ()


def test_pictures_that_only_one_engine_gets_right_are_named(data):
    (item,) = compare(data, "sharp", "blunt").classes
    wrong = [
        {p.name for p in e.result.pictures if (p.verdict == "FAIL") != p.defective}
        for e in item.engines
    ]
    (computed,) = item.disagreements
    assert set(computed.only_first_right) == wrong[1] - wrong[0]
    assert set(computed.only_this_right) == wrong[0] - wrong[1]
    assert computed.only_first_right


def test_a_third_engine_is_compared_with_the_first(data):
    write_fake_engine(data / "third.onnx", image_threshold=0.9)
    (item,) = compare(data, "sharp", "blunt", "third").classes
    assert {difference.label for difference in item.differences} == {"blunt", "third"}
    third = [d for d in item.differences if d.label == "third"]
    assert all(d.value == 0 for d in third)
    assert len(item.differences) == 8


def test_results_are_reused_and_written_as_strict_json(data):
    compare(data, "sharp", "blunt")
    before = (data / "out" / "sharp" / "plates" / "metrics.json").stat().st_mtime_ns
    compare(data, "sharp", "blunt")
    assert (data / "out" / "sharp" / "plates" / "metrics.json").stat().st_mtime_ns == before

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    written = json.loads((data / "out" / "compare.json").read_text(), parse_constant=refuse)
    (item,) = written["classes"]
    assert [entrant["label"] for entrant in item["entrants"]] == ["sharp", "blunt"]
    assert len(item["differences"]) == 4


def test_without_masks_pixel_differences_are_undefined_with_the_reason(data):
    for mask in (data / "data" / "plates" / "ground_truth").rglob("*.png"):
        mask.unlink()
    (item,) = compare(data, "sharp", "blunt").classes
    values = {difference.figure: difference for difference in item.differences}
    assert values["pixel_auroc"].value is None
    assert values["pixel_auroc"].reason == "no defective picture has a mask"
    assert values["image_auroc"].value is not None


def test_without_defects_only_verdicts_are_compared(data):
    for kind in ("hole", "speck"):
        for path in (data / "data" / "plates" / "test" / kind).iterdir():
            path.unlink()
    computed = compare(data, "sharp", "blunt")
    (item,) = computed.classes
    assert {d.reason for d in item.differences} == {
        "no defective pictures",
    }
    assert comparison_lines(computed)


def test_without_resamples_differences_have_no_interval(data):
    engines = [data / "sharp.onnx", data / "blunt.onnx"]
    plain = Settings(backend="fake", resamples=0)
    (item,) = compare_dataset(engines, load(data / "data", None), data / "out", plain).classes
    image = next(d for d in item.differences if d.figure == "image_auroc")
    assert image.value is not None
    assert (image.interval, image.p) == (None, None)
    pixel = next(d for d in item.differences if d.figure == "aupro")
    assert pixel.reason == "the results were made without resamples"


def test_a_class_that_one_engine_cannot_evaluate_is_named(data):
    write_class_folder(data / "data" / "nuts", good=2, defective=1)
    for name in ("a", "b"):
        write_fake_engine(data / name / "plates.onnx")
        write_fake_engine(data / name / "nuts.onnx")
    (data / "b" / "nuts.onnx").write_text("no spec")
    classes = load(data / "data", None)
    computed = compare_dataset([data / "a", data / "b"], classes, data / "out", FAST)
    assert [item.name for item in computed.classes] == ["plates"]
    (failure,) = computed.failures
    assert failure.name == "nuts"
    assert failure.reason.startswith("b: ")


def test_an_engine_that_breaks_parity_stops_no_other_class(data):
    write_class_folder(data / "data" / "nuts", good=2, defective=1)
    for name in ("a", "b"):
        write_fake_engine(data / name / "plates.onnx")
        write_fake_engine(data / name / "nuts.onnx")
    write_engine_with_wrong_reference(data / "b" / "nuts.onnx")
    engines = [data / "a", data / "b"]
    result = compare_dataset(engines, load(data / "data", None), data / "out", FAST)
    assert [item.name for item in result.classes] == ["plates"]
    (failure,) = result.failures
    assert failure.name == "nuts"
    assert failure.reason.startswith("b: ")
    assert "golden pictures" in failure.reason


def test_both_engines_are_timed_on_the_same_pictures(data):
    (item,) = compare(data, "sharp", "blunt").classes
    assert [entrant.latency.pictures for entrant in item.engines] == [48, 48]
    assert item.engines[0].time_ratio == 1
    assert np.isfinite(item.engines[1].time_ratio)


def test_labels_are_short_and_differ():
    assert label_engines([Path("x/a.onnx"), Path("x/b.onnx")]) == ("a", "b")
    assert label_engines([Path("x/a.onnx"), Path("y/a.onnx")]) == ("x-a", "y-a")
    with pytest.raises(ConfigError, match="named twice"):
        label_engines([Path("a.onnx"), Path("./a.onnx")])
    with pytest.raises(ConfigError, match="at least two"):
        label_engines([Path("a.onnx")])


def test_the_table_names_all_engines_and_their_differences(data):
    comparison = compare(data, "sharp", "blunt")
    text = "\n".join(comparison_lines(comparison))
    for engine in comparison.classes[0].engines:
        assert f"{engine.label}: {engine.result.conclusion.sentence}" in text
    for word in ("sharp", "blunt", "image AUROC", "AUPRO@0.3", "false alarms", "p50 ms", "95 %"):
        assert word in text
