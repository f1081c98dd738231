"""Commands check --out before they read anything."""

import os
from pathlib import Path

import pytest

from tools import (
    build_trt,
    calibrate,
    convert,
    export_backbone,
    fit,
    import_checkpoint,
    import_engine,
    simulate_defects,
    threshold,
    train,
)

FILES = {
    "fit": (fit.main, ("--method", "rad", "--normal", "none")),
    "import_engine": (import_engine.main, ("none.onnx", "--normal", "none")),
    "import_checkpoint": (
        import_checkpoint.main,
        ("none.pth", "--method", "rad", "--backbone", "none.onnx", "--normal", "none"),
    ),
    "convert": (convert.main, ("none.onnx",)),
    "threshold": (threshold.main, ("none.onnx", "--set", "image=1")),
    "export_backbone": (export_backbone.main, ("none",)),
    "calibrate": (
        calibrate.main,
        ("scale", "--mm-per-px", "1", "--frame-size", "9x9", "--overwrite"),
    ),
}
FOLDERS = {
    "fit": (fit.main, ("--method", "rad", "--normal", "none")),
    "train": (train.main, ("--method", "glass", "--data", "none")),
    "build_trt": (build_trt.main, ("none.onnx",)),
    "simulate_defects": (simulate_defects.main, ("--normal", "none")),
}


def refusal(command, out: Path, capsys) -> str:
    """The error about --out from a command whose other files do not exist."""
    main, argv = command
    with pytest.raises(SystemExit) as caught:
        main([*argv, "--out", str(out)])
    assert caught.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("name", FILES)
def test_a_folder_is_no_file_to_write(name, tmp_path, capsys):
    (tmp_path / "e.onnx").mkdir()
    message = refusal(FILES[name], tmp_path / "e.onnx", capsys)
    assert message.endswith(f"--out: {tmp_path / 'e.onnx'} is a folder; name a file in it")


@pytest.mark.parametrize("name", FOLDERS)
def test_a_file_is_no_folder_to_write_to(name, tmp_path, capsys):
    (tmp_path / "out").write_text("")
    message = refusal(FOLDERS[name], tmp_path / "out", capsys)
    assert message.endswith(f"--out: {tmp_path / 'out'} is a file; name a folder")


@pytest.mark.parametrize("command", [FILES["convert"], FOLDERS["build_trt"]])
def test_a_path_below_a_file_is_refused(command, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    message = refusal(command, tmp_path / "file" / "deep" / "e.onnx", capsys)
    assert message.endswith(f"e.onnx cannot be written: {tmp_path / 'file'} is a file")


@pytest.mark.parametrize("command", [FILES["convert"], FOLDERS["build_trt"]])
def test_a_read_only_folder_is_named(command, tmp_path, capsys):
    tmp_path.chmod(0o555)
    if os.access(tmp_path, os.W_OK):
        pytest.skip("this user can write to every folder")
    message = refusal(command, tmp_path / "new" / "e.onnx", capsys)
    assert message.endswith(f"e.onnx cannot be written: {tmp_path} is read-only")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_device_or_a_pipe_is_not_replaced_by_a_file(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe")
    for path in (Path(os.devnull), tmp_path / "pipe"):
        message = refusal(FILES["convert"], path, capsys)
        assert message.endswith(f"--out: {path} is a device or a pipe; name a file")


@pytest.mark.parametrize("command", [FILES["convert"], FOLDERS["build_trt"]])
@pytest.mark.parametrize("name", ["e" * 300, "e" * 300 + "/f.onnx"])
def test_a_name_too_long_for_the_disk_is_refused_at_once(command, name, tmp_path, capsys):
    assert "cannot be written: File name too long" in refusal(command, tmp_path / name, capsys)


def test_a_file_whose_unfinished_name_is_too_long_is_refused_at_once(tmp_path, capsys):
    message = refusal(FILES["convert"], tmp_path / ("e" * 253), capsys)
    assert "cannot be written: File name too long" in message


@pytest.mark.parametrize("command", [FILES["convert"], FOLDERS["build_trt"]])
def test_a_broken_link_is_not_called_a_file(command, tmp_path, capsys):
    (tmp_path / "loop").symlink_to("loop")
    message = refusal(command, tmp_path / "loop" / "e.onnx", capsys)
    assert "cannot be written: " in message
    assert "is a file" not in message
