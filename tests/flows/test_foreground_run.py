"""A line with a foreground: fit, contact sheet, show-engine, and frames without product."""

import cv2
import numpy as np
import pytest
from flow_rig import Inspect, write_pictures
from foreground_scenes import belt, empty_scene, scene, write

from engines.opening import open_engine
from engines.spec_file import read_spec
from inspector.core.errors import InferenceError
from tools.fit import main as fit
from tools.show_engine import main as show


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Good pictures, pictures of the empty scene, and the engine fitted on them."""
    folder = tmp_path_factory.mktemp("line")
    for seed in range(12):
        write(folder / "good" / f"{seed}.png", scene(seed)[0])
    empty_scene(folder / "empty")
    words = ("--method", "rad", "--radius", "all", "--threads", "1", "--size", "160x128")
    sources = ("--normal", folder / "good", "--foreground", folder / "empty")
    assert fit([*map(str, (*words, *sources, "--out", folder / "line.onnx"))]) == 0
    return folder


@pytest.mark.parametrize("health", ["error", "ignore"])
def test_a_frame_without_product_is_error_and_never_pass(folder, inspect: Inspect, health):
    pictures = [scene(1)[0], scene(410, spot=(4, 4))[0], belt(7).clip(0, 255).astype(np.uint8)]
    frames = write_pictures(folder / f"frames {health}", [each[..., ::-1] for each in pictures])
    more = ("--no-video", "--set", f"health.outside={health}")
    result = inspect(frames, folder / "line.onnx", *more)
    assert [record["verdict"] for record in result.records] == ["PASS", "FAIL", "ERROR"]
    last = result.records[2]
    assert last["cause"] == "no_product"
    assert "shows no product" in last["error"]
    assert last["score"] is None


def test_an_empty_line_does_not_end_the_run(folder, inspect: Inspect):
    empty = belt(8).clip(0, 255).astype(np.uint8)
    pictures = [scene(1)[0], *[empty] * 5, scene(2)[0]]
    frames = write_pictures(folder / "frames with a gap", [each[..., ::-1] for each in pictures])
    more = ("--no-video", "--set", "pipeline.max_errored_in_a_row=2")
    result = inspect(frames, folder / "line.onnx", *more)
    assert result.code == 0
    assert [record["verdict"][0] for record in result.records] == [*"PEEEEEP"]


def test_predict_says_that_a_picture_shows_no_product(folder):
    engine = open_engine(folder / "line.onnx", threads=1)
    with pytest.raises(InferenceError, match="shows no product"):
        engine.predict(belt(7).clip(0, 255).astype(np.uint8))
    engine.close()


def test_the_contact_sheet_shows_the_background_dark(folder):
    spec = read_spec(folder / "line.onnx")
    assert spec.foreground is not None
    sheet = cv2.imread(str(folder / "line.sheet.png"))
    dark = 0.3 * 70
    assert (np.abs(sheet.astype(int) - dark).max(axis=2) < 8).mean() > 0.2


def test_show_engine_says_what_is_judged(folder, capsys):
    assert show([str(folder / "line.onnx")]) == 0
    text = capsys.readouterr().out
    assert "a mask of every picture, from empty scene empty" in text
    assert "margin_px 4" in text


def test_a_foreground_that_does_not_exist_is_refused(folder, capsys):
    words = ("--method", "rad", "--normal", folder / "good", "--out", folder / "x.onnx")
    with pytest.raises(SystemExit):
        fit([*map(str, (*words, "--foreground", folder / "none"))])
    assert "is neither auto nor a file or folder" in capsys.readouterr().err


def test_a_data_set_is_fitted_again_if_the_empty_scene_changes(folder, tmp_path, capsys):
    good = tmp_path / "data" / "disc" / "train" / "good"
    for seed in range(8):
        write(good / f"{seed}.png", scene(seed)[0])
    empty = empty_scene(tmp_path / "empty", 1)
    words = ("--method", "rad", "--threads", "1", "--size", "96x64", "--no-sheet")
    words = (*words, "--normal", tmp_path / "data", "--out", tmp_path / "out")
    words = (*words, "--foreground", empty)
    for seed, changed in ((1, True), (1, False), (2, True)):
        write(empty / "0.png", belt(seed).clip(0, 255).astype(np.uint8))
        assert fit([*map(str, words)]) == 0
        assert ("kept" in capsys.readouterr().err) is not changed
