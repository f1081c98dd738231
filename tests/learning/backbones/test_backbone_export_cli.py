"""Errors of tools.export_backbone."""

import sys

import pytest

from inspector.core.errors import CalibrationSizeError
from tools import export_backbone
from tools._cli import guarded


def refused(capsys, *argv):
    """The one line on stderr of a call that must end with 2."""
    assert export_backbone.main(list(argv)) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith("error: ")
    return line


def test_an_unknown_name_lists_the_known_ones(capsys, tmp_path):
    line = refused(capsys, "vgg16", "--out", str(tmp_path / "x.onnx"))
    assert "'vgg16' is unknown; known: efficientnet_lite0, resnet18" in line


@pytest.mark.parametrize("name", ["efficientnet_lite0", "resnet18", "dinov3_vitb16"])
def test_a_missing_torch_says_what_to_install(capsys, tmp_path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "w.pth").write_bytes(b"")
    argv = [name, "--weights", str(tmp_path / "w.pth"), "--out", str(tmp_path / "x.onnx")]
    if name.startswith("dino"):
        argv += ["--size", "224x224"]
    assert "pip install '.[backbones]'" in refused(capsys, *argv)


@pytest.mark.parametrize("size", ["224", "0x224", "axb", "224x224x3"])
def test_a_text_that_is_no_size_is_refused(capsys, tmp_path, size):
    out = str(tmp_path / "x.onnx")
    with pytest.raises(SystemExit) as caught:
        export_backbone.main(["dinov3_vitb16", "--size", size, "--out", out])
    assert caught.value.code == 2
    assert "is not WIDTHxHEIGHT in pixels" in capsys.readouterr().err


def test_a_missing_weights_file_is_named(capsys, tmp_path):
    pytest.importorskip("torch", reason="torch is not installed")
    weights, out = str(tmp_path / "gone.pth"), str(tmp_path / "x.onnx")
    assert "gone.pth" in refused(capsys, "resnet18", "--weights", weights, "--out", out)


def test_an_error_of_the_program_becomes_its_exit_code_and_one_line(capsys):
    @guarded
    def fails(argv):
        raise CalibrationSizeError("made for 1280x720, the frames are 640x480")

    assert fails([]) == 5
    assert capsys.readouterr().err == "error: made for 1280x720, the frames are 640x480\n"


def test_an_interrupt_becomes_130(capsys):
    @guarded
    def interrupted(argv):
        raise KeyboardInterrupt

    assert interrupted() == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_programming_error_keeps_its_traceback():
    @guarded
    def wrong(argv):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        wrong([])


def test_a_command_returns_its_exit_code_and_gets_its_arguments():
    @guarded
    def command(argv):
        return len(argv)

    assert command(["a", "b", "c"]) == 3
