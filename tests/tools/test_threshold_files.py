"""The command threshold: which files it writes, and the backups."""

import shutil
from pathlib import Path

import pytest
from engine_parts import fit_parts

from engines.spec_file import read_spec
from inspector.core.errors import EngineError
from tools.threshold import main as threshold


@pytest.fixture(scope="module")
def fitted(tmp_path_factory) -> Path:
    return fit_parts(tmp_path_factory.mktemp("fitted") / "e.onnx").path


@pytest.fixture
def engine(fitted, tmp_path) -> Path:
    return Path(shutil.copy(fitted, tmp_path / "e.onnx"))


def test_every_change_in_place_keeps_the_file_as_it_was_before(engine):
    contents = [engine.read_bytes()]
    for image in ("0.31", "0.32", "0.33"):
        assert threshold([str(engine), "--set", f"image={image}"]) == 0
        contents.append(engine.read_bytes())
    for name, content in zip(("bak", "bak2", "bak3"), contents, strict=False):
        assert (engine.parent / f"e.onnx.{name}").read_bytes() == content
    assert read_spec(engine).image_threshold == 0.33


def test_a_change_that_fails_leaves_the_file_and_no_backup(engine, monkeypatch, capsys):
    before = engine.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise EngineError("the disk is full")

    monkeypatch.setattr("tools.threshold.write_engine", full)
    assert threshold([str(engine), "--set", "image=0.31"]) == 2
    assert "the disk is full" in capsys.readouterr().err
    assert engine.read_bytes() == before
    assert [path.name for path in engine.parent.iterdir()] == ["e.onnx"]


def test_another_file_that_exists_is_replaced_with_overwrite_only(engine, tmp_path, capsys):
    other = tmp_path / "other.onnx"
    other.write_bytes(b"an engine")
    command = [str(engine), "--set", "image=0.31", "--out", str(other)]
    assert threshold(command) == 2
    assert f"--out {other} exists already; give --overwrite" in capsys.readouterr().err
    assert other.read_bytes() == b"an engine"
    assert threshold([*command, "--overwrite"]) == 0
    assert read_spec(other).image_threshold == 0.31


def test_a_read_only_file_is_not_changed(engine, tmp_path, capsys):
    before = engine.read_bytes()
    engine.chmod(0o444)
    assert threshold([str(engine), "--set", "image=1"]) == 2
    assert "is read-only: name another file with --out" in capsys.readouterr().err
    assert engine.read_bytes() == before
    assert threshold([str(engine), "--set", "image=1", "--out", str(tmp_path / "o.onnx")]) == 0


def test_a_link_to_an_engine_stays_a_link(engine, tmp_path):
    link = tmp_path / "link.onnx"
    link.symlink_to(engine)
    assert threshold([str(link), "--set", "image=1"]) == 0
    assert link.is_symlink()
    assert read_spec(engine).image_threshold == 1
