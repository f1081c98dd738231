"""python -m tools.compare."""

from pathlib import Path

import pytest
from scenes import fake_engine_file, make_class

from tools.compare import main

FAKE = ["--backend", "fake", "--resamples", "20"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    make_class(tmp_path / "plates", good=4, defective=2)
    for name, threshold in (("low", 0.01), ("high", 0.9)):
        fake_engine_file(tmp_path / f"{name}.onnx", image_threshold=threshold)
    return tmp_path


def call(place: Path, *more: str) -> int:
    engines = [str(place / "low.onnx"), str(place / "high.onnx")]
    return main([*engines, "--data", str(place / "plates"), *FAKE, *more])


def test_the_table_is_printed_and_nothing_is_written_without_out(place, capsys):
    before = sorted(place.iterdir())
    assert call(place) == 0
    said = capsys.readouterr().out
    assert "against low" in said
    assert "high: image AUROC +0.0000" in said
    assert sorted(place.iterdir()) == before


def test_results_are_written_where_out_says(place):
    assert call(place, "--out", str(place / "out")) == 0
    for name in ("compare.json", "low/plates/metrics.json", "high/plates/metrics.json"):
        assert (place / "out" / name).is_file()


def test_what_cannot_be_compared_is_one_sentence(place, capsys):
    assert main([str(place / "low.onnx"), "--data", str(place / "plates"), *FAKE]) == 2
    assert "at least two engines" in capsys.readouterr().err
    (place / "high.onnx").write_text("")
    assert call(place) == 2
    said = capsys.readouterr().err
    assert "high" in said
    assert said.count("\n") == 1
    assert call(place, "--out", str(place / "plates")) == 2
    assert "would write into" in capsys.readouterr().err


def test_pictures_in_error_end_in_exit_code_one(place, capsys):
    (place / "plates" / "test" / "good" / "001.png").write_bytes(b"")
    assert call(place) == 1
    assert "judgements of test pictures that failed: 2" in capsys.readouterr().err
