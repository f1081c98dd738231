"""Printing engine files that no test has fitted."""

from pathlib import Path

from tools.show_engine import main as show

FORMAT_1 = Path(__file__).parents[1] / "data" / "engine_format1.onnx"


def test_an_engine_of_format_1_has_no_measured_pictures(capsys):
    assert show([str(FORMAT_1)]) == 0
    text = capsys.readouterr().out
    assert "format 1" in text
    assert "good pictures      not measured" in text


def test_another_file_is_refused(tmp_path, capsys):
    (tmp_path / "e.onnx").write_bytes(b"nothing")
    assert show([str(tmp_path / "e.onnx")]) == 2
    assert "not a whole ONNX file" in capsys.readouterr().err
