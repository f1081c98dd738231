"""The command compare: printed tables, files, exit codes and refusals."""

from pathlib import Path

import pytest
from plate_dataset import write_class_folder, write_fake_engine

from tools.compare import main

FAKE = ["--backend", "fake", "--resamples", "20"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    write_class_folder(tmp_path / "plates", good=4, defective=2)
    for name, threshold in (("low", 0.01), ("high", 0.9)):
        write_fake_engine(tmp_path / f"{name}.onnx", image_threshold=threshold)
    return tmp_path


def call(place: Path, *more: str) -> int:
    engines = [str(place / "low.onnx"), str(place / "high.onnx")]
    return main([*engines, "--data", str(place / "plates"), *FAKE, *more])


def test_the_table_is_printed_and_nothing_is_written_without_out(place, capsys):
    before = sorted(place.iterdir())
    assert call(place) == 0
    output = capsys.readouterr().out
    assert "difference to low" in output
    assert "high: image AUROC +0.0000" in output
    assert sorted(place.iterdir()) == before


def test_results_are_written_to_out(place):
    assert call(place, "--out", str(place / "out")) == 0
    for name in ("compare.json", "low/plates/metrics.json", "high/plates/metrics.json"):
        assert (place / "out" / name).is_file()


def test_a_refused_comparison_is_one_sentence(place, capsys):
    assert main([str(place / "low.onnx"), "--data", str(place / "plates"), *FAKE]) == 2
    assert "at least two engines" in capsys.readouterr().err
    (place / "high.onnx").write_text("")
    assert call(place) == 2
    output = capsys.readouterr().err
    assert "high" in output
    assert output.count("\n") == 1
    assert call(place, "--out", str(place / "plates")) == 2
    assert "would write into" in capsys.readouterr().err


def test_pictures_in_error_end_in_exit_code_one(place, capsys):
    (place / "plates" / "test" / "good" / "001.png").write_bytes(b"")
    assert call(place) == 1
    printed = capsys.readouterr()
    assert "test pictures without a score, over all engines: 2" in printed.err
    assert printed.out.count("plates: ERROR test/good/001.png: the picture ") == 1
