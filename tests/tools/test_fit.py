"""The commands fit and show-engine: engines, printed lines and refusals."""

import json
import os
import shutil
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from engines.opening import open_engine
from engines.spec_file import read_spec
from learning.fit_record import fit_record_path, read_fit_record
from tools.fit import main as fit
from tools.show_engine import main as show


def good(seed: int) -> np.ndarray:
    """(96, 128, 3) uint8 BGR."""
    picture = np.random.default_rng(seed).normal(160, 4, (96, 128, 3)).clip(0, 255)
    picture = picture.astype(np.uint8)
    cv2.circle(picture, (64, 48), 30, (140, 110, 90), 4)
    return picture


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("good")
    for seed in range(9):
        cv2.imwrite(str(place / f"{seed}.png"), good(seed))
    return place


def run(folder: Path | str, out: Path, *more: str) -> int:
    options = {"--method": "rad", "--normal": str(folder), "--out": str(out), "--threads": "1"}
    options["--size"] = "96x64"
    common = [word for name, value in options.items() if name not in more for word in (name, value)]
    return fit([*common, *more])


def test_a_folder_becomes_one_engine_file_and_a_summary(folder, tmp_path, capsys):
    out = tmp_path / "new" / "ring.onnx"
    assert run(folder, out) == 0
    text = capsys.readouterr().out
    for part in (
        "9 of",
        "image threshold",
        "pixel threshold",
        "10.00%",
        "leave-one-out",
        "check",
        "scratch ",
        "displaced ",
        "96x64 px (width x height) for frames of 128x96",
        "MB",
    ):
        assert part in text
    spec = read_spec(out)
    assert spec.name == "ring"
    assert spec.frame_hw == (96, 128)
    assert spec.resize.input_hw == (64, 96)
    assert sorted(p.name for p in out.parent.iterdir()) == [
        "ring.fit",
        "ring.onnx",
        "ring.sheet.png",
    ]
    record = read_fit_record(fit_record_path(out), spec)
    assert [picture.name for picture in record.pictures] == [f"{i}.png" for i in range(9)]
    assert record.source == folder.name


def test_the_report_shows_rates_and_simulated_defects_and_hides_internal_values(
    folder, tmp_path, capsys
):
    out = tmp_path / "ring.onnx"
    assert run(folder, out) == 0
    text, spec = capsys.readouterr().out, read_spec(out)
    lines = text.splitlines()
    rates = next(number for number, line in enumerate(lines) if line.startswith("rates "))
    assert "simulated defects found" in lines[rates]
    assert lines[rates + 1].split()[:2] == ["10%", f"{spec.rates[0].image_threshold:.4f}"]
    assert lines[rates + 2].split()[:3] == ["chosen", "10.0%", f"{spec.image_threshold:.4f}"]
    for kind in spec.power:
        counted = sum(point.detected for point in kind.points)
        line = next(line for line in lines if f" {kind.kind} " in line)
        assert f"{counted} of {sum(point.simulated for point in kind.points)} in all" in line
    assert "bank_shapes" not in text
    assert "score_top_k" not in text
    assert f"{out}` shows all" in text


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ([], "they do not raise the thresholds. Look at them"),
        (["--suspects", "keep"], "they are used and can raise the thresholds"),
        (["--suspects", "drop"], "they are left out"),
    ],
)
def test_a_picture_that_stands_out_is_named_once_with_what_happens_to_it(
    folder, tmp_path, options, advice, capsys
):
    place = tmp_path / "good"
    shutil.copytree(folder, place)
    cv2.imwrite(str(place / "odd.png"), 255 - good(50))
    assert run(place, tmp_path / "ring.onnx", *options) == 0
    captured = capsys.readouterr()
    text = captured.out + captured.err
    assert text.count("odd.png") == 1
    assert advice in text


def test_without_a_size_the_aspect_is_kept_with_a_short_side_of_256(folder, tmp_path):
    out = tmp_path / "ring.onnx"
    few = ["--max-pictures", "3", "--layers", "stride16", "--radius", "0"]
    assert fit(["--method", "rad", "--normal", str(folder), "--out", str(out), *few]) == 0
    spec = read_spec(out)
    assert spec.resize.input_hw == (256, 352)
    assert spec.layers == ("stride16",)
    assert spec.trained_on["unused"] == 6


def test_options_reach_the_method(folder, tmp_path):
    out = tmp_path / "e.onnx"
    more = ["--radius", "all", "--coreset", "64", "--precision", "float16", "--name", "web"]
    assert run(folder, out, *more, "--false-alarm-rate", "0.2", "--sigma", "3") == 0
    spec = read_spec(out)
    assert spec.name == "web"
    assert spec.parameters["radius"] == "all"
    assert spec.parameters["bank_shapes"]["stride8"] == [40, 64]
    assert spec.parameters["sigma"] == 3
    assert spec.precision == "float16"
    assert spec.threshold_rule.false_alarm_rate == 0.2


@pytest.mark.parametrize(
    ("options", "scheme", "normals"),
    [(["--folds", "3"], "3-fold", 9), (["--hold-out", "1/3"], "held-out", 3)],
)
def test_thresholds_follow_the_rule_and_the_scheme(
    folder, tmp_path, capsys, options, scheme, normals
):
    assert run(folder, tmp_path / "e.onnx", *options, "--rule", "mean_sigma", "--k", "4") == 0
    spec = read_spec(tmp_path / "e.onnx")
    rule = spec.threshold_rule
    assert (rule.rule, rule.parameters) == ("mean_sigma", {"k": 4})
    assert (rule.scheme, rule.normals, rule.false_alarm_rate) == (scheme, normals, None)
    scores = np.array(spec.left_out.scores)
    assert spec.image_threshold == pytest.approx(scores.mean() + 4 * scores.std(ddof=1), rel=1e-6)
    assert "promises no rate of false alarms" in capsys.readouterr().out


def test_a_glob_gives_the_engine_that_its_folder_gives(folder, tmp_path):
    for name, normal in (("folder", folder), ("glob", folder / "*.png")):
        assert run(normal, tmp_path / f"{name}.onnx", "--name", "ring", "--hold-out", "1/3") == 0
    by_folder, by_glob = (read_spec(tmp_path / f"{name}.onnx") for name in ("folder", "glob"))
    assert by_glob.trained_on == by_folder.trained_on
    assert by_glob.threshold_rule == by_folder.threshold_rule
    assert by_glob.left_out == by_folder.left_out
    assert by_glob.graph_hash == by_folder.graph_hash


def test_a_video_is_a_source_of_normal_pictures(tmp_path):
    clip = tmp_path / "line.mp4"
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "18"})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for seed in range(12):
            frame = av.VideoFrame.from_ndarray(good(seed), format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert run(clip, tmp_path / "e.onnx", "--max-pictures", "8") == 0
    spec = read_spec(tmp_path / "e.onnx")
    assert spec.trained_on["name"] == "line.mp4"
    assert spec.trained_on["count"] == 8
    assert "contiguous" in spec.threshold_rule.note


def test_a_region_of_interest_travels_with_the_engine(folder, tmp_path):
    region = tmp_path / "roi.yaml"
    region.write_text("inspect: [[[0, 0], [64, 0], [64, 96], [0, 96]]]\n")
    assert run(folder, tmp_path / "e.onnx", "--roi", str(region)) == 0
    engine = open_engine(tmp_path / "e.onnx")
    assert engine.spec.roi is not None
    maps, _ = engine.infer(np.zeros((1, 64, 96, 3), np.uint8))
    assert np.all(maps[0, :, 48:] == 0)
    assert maps[0, :, :48].max() > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--normal", "missing"], "missing"),
        (["--false-alarm-rate", "0.01"], "needs at least 99 good pictures, there are only 9"),
        (["--layers", "stride2"], "stride2"),
        (["--size", "96x50"], "multiples of 32"),
        (["--backbone", "nothing"], "nothing"),
        (["--roi", "none.yaml"], "none.yaml"),
        (["--top-fraction", "2"], "top_fraction must lie"),
        (["--seconds", "0"], "--seconds must be above 0"),
        (["--max-pictures", "1"], "max_pictures must be at least 2"),
        (["--promise", "1/100"], "promise 0.01 (1 in 100) needs at least 299 good pictures"),
        (["--promise", "1/10", "--false-alarm-rate", "0.1"], "a rate or a promise, not both"),
        (["--rule", "iqr", "--q", "9"], "rule iqr has no parameter q; it has k"),
        (["--rule", "f1_max"], "f1_max needs defective pictures"),
        (["--hold-out", "1.5"], "held_out must lie between 0 and 1"),
        (["--folds", "40"], "40 folds need as many good pictures, not 9"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(folder, tmp_path, capsys, arguments, message):
    assert run(folder, tmp_path / "e.onnx", *arguments) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")
    assert message in error
    assert not (tmp_path / "e.onnx").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--size", "large"],
        ["--size", "0x0"],
        ["--radius", "-1"],
        ["--sigma", "-1"],
        ["--method", "x"],
        ["--rule", "luck"],
        ["--promise", "few"],
        ["--folds", "3", "--hold-out", "0.5"],
        ["--precision", "int8"],
        ["--wheels", "4"],
    ],
)
def test_malformed_arguments_are_a_usage_error(folder, tmp_path, arguments):
    with pytest.raises(SystemExit) as caught:
        run(folder, tmp_path / "e.onnx", *arguments)
    assert caught.value.code == 2


def test_help_shows_the_options_of_the_method_that_was_named(capsys):
    with pytest.raises(SystemExit):
        fit(["--method", "rad", "--help"])
    method_help = capsys.readouterr().out
    with pytest.raises(SystemExit):
        fit(["--help"])
    assert "--radius" in method_help
    assert "options of rad" in method_help
    assert "--radius" not in capsys.readouterr().out


def test_show_engine_prints_the_spec(folder, tmp_path, capsys):
    run(folder, tmp_path / "e.onnx")
    capsys.readouterr()
    assert show([str(tmp_path / "e.onnx")]) == 0
    text = capsys.readouterr().out
    for part in ("rad", "efficientnet_lite0", "Apache-2.0", "image threshold", "128x96"):
        assert part in text
    measured = next(line for line in text.splitlines() if line.startswith("good pictures"))
    assert measured.startswith("good pictures      9, brightness 15")
    assert ", contrast " in measured
    assert ", sharpness " in measured
    assert show([str(tmp_path / "e.onnx"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["method"] == "rad"


def test_a_picture_whose_name_is_not_utf8_is_fitted(folder, tmp_path):
    place = tmp_path / "good"
    place.mkdir()
    for path in folder.iterdir():
        (place / path.name).write_bytes(path.read_bytes())
    (place / os.fsdecode(b"\xff.png")).write_bytes(cv2.imencode(".png", good(9))[1].tobytes())
    out = tmp_path / "e.onnx"
    assert run(place, out) == 0
    assert read_spec(out).trained_on["count"] == 10
    assert [path.name for path in tmp_path.iterdir() if "unchecked" in path.name] == []
