"""tools.fit over the classes of a data set."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.spec_file import read_spec
from inspector.core.files import sole_writer
from tools.fit import main as fit
from tools.threshold import main as threshold


def picture(seed: int) -> np.ndarray:
    """(64, 64, 3) uint8."""
    values = np.random.default_rng(seed).normal(150, 5, (64, 64, 3)).clip(0, 255)
    return np.ascontiguousarray(values.astype(np.uint8))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("bolt", "nut"):
        good = tmp_path / "data" / name / "train" / "good"
        good.mkdir(parents=True)
        for seed in range(6):
            cv2.imwrite(str(good / f"{seed}.png"), picture(seed))
        test = tmp_path / "data" / name / "test" / "good"
        test.mkdir(parents=True)
        cv2.imwrite(str(test / "0.png"), picture(50))
    return tmp_path / "data"


def run(data: Path, out: Path, *more: str) -> int:
    common = ["--method", "rad", "--normal", str(data), "--out", str(out), "--threads", "1"]
    return fit([*common, "--size", "64x64", *more])


def times(out: Path) -> dict[str, int]:
    return {path.stem: path.stat().st_mtime_ns for path in out.glob("*.onnx")}


def test_every_class_gets_an_engine_and_a_line_of_the_table(data, tmp_path, capsys):
    out = tmp_path / "engines"
    assert run(data, out) == 0
    engines = [f"{name}.{end}" for name in ("bolt", "nut") for end in ("fit", "onnx", "sheet.png")]
    assert sorted(path.name for path in out.iterdir()) == sorted([*engines, "fit.json"])
    assert read_spec(out / "nut.onnx").name == "nut"
    assert read_spec(out / "nut.onnx").trained_on["count"] == 6
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["class", "bolt", "nut"]


def test_a_second_call_makes_only_what_is_missing_or_differs(data, tmp_path):
    out = tmp_path / "engines"
    assert run(data, out) == 0
    first = times(out)
    assert run(data, out) == 0
    assert times(out) == first
    (out / "bolt.onnx").unlink()
    assert run(data, out) == 0
    second = times(out)
    assert second["nut"] == first["nut"]
    assert set(second) == {"bolt", "nut"}
    cv2.imwrite(str(data / "nut" / "train" / "good" / "9.png"), picture(9))
    assert run(data, out) == 0
    third = times(out)
    assert third["bolt"] == second["bolt"]
    assert third["nut"] != second["nut"]
    assert run(data, out, "--radius", "0") == 0
    assert times(out)["bolt"] != third["bolt"]


def test_a_picture_that_changed_without_its_size_makes_its_engine_again(data, tmp_path):
    for path in sorted((data / "nut" / "train" / "good").iterdir()):
        cv2.imwrite(str(path.with_suffix(".bmp")), cv2.imread(str(path)))
        path.unlink()
    out, splits = tmp_path / "engines", ("--split", str(tmp_path / "splits"))
    assert run(data, out, *splits) == 0
    for part in ("train", "validation"):
        before = times(out)
        names = json.loads((tmp_path / "splits" / "nut.json").read_text())[part]
        changed = data / "nut" / names[0]
        size = changed.stat().st_size
        cv2.imwrite(str(changed), picture(77))
        assert changed.stat().st_size == size
        assert run(data, out, *splits) == 0
        after = times(out)
        assert after["nut"] != before["nut"], part
        assert after["bolt"] == before["bolt"]


def test_an_engine_that_was_changed_by_hand_is_replaced_with_overwrite_only(data, tmp_path, capsys):
    out = tmp_path / "engines"
    assert run(data, out) == 0
    assert threshold([str(out / "nut.onnx"), "--set", "image=0.9"]) == 0
    before = times(out)
    assert run(data, out, "--radius", "0") == 2
    assert "nut.onnx exists already and was changed after" in capsys.readouterr().err
    assert times(out) == before
    assert run(data, out, "--radius", "0", "--overwrite") == 0
    assert read_spec(out / "nut.onnx").image_threshold != 0.9


def test_an_engine_whose_fitting_was_stopped_before_it_was_recorded_is_made_again(data, tmp_path):
    out = tmp_path / "engines"
    assert run(data, out) == 0
    rows = json.loads((out / "fit.json").read_text())
    rows[1]["engine_sha256"] = ""
    (out / "fit.json").write_text(json.dumps(rows))
    before = times(out)
    assert run(data, out) == 0
    assert times(out)["bolt"] == before["bolt"]
    assert times(out)["nut"] != before["nut"]


def test_two_runs_never_share_a_folder(data, tmp_path, capsys):
    out = tmp_path / "engines"
    with sole_writer(out):
        assert run(data, out) == 2
    assert (
        capsys.readouterr().err == f"error: another run is writing to {out}: wait until it ends\n"
    )
    assert list(out.iterdir()) == []


def test_a_class_that_cannot_be_fitted_does_not_stop_the_others(data, tmp_path, capsys):
    for path in (data / "bolt" / "train" / "good").iterdir():
        path.write_bytes(b"no picture")
    out = tmp_path / "engines"
    assert run(data, out) == 2
    shown = capsys.readouterr()
    assert "1 of 2 classes could not be fitted: bolt" in shown.err.splitlines()[-1]
    assert "none of the 6 pictures of bolt can be read" in shown.out
    assert set(times(out)) == {"nut"}


def test_a_damaged_record_is_named(data, tmp_path, capsys):
    out = tmp_path / "engines"
    assert run(data, out) == 0
    (out / "fit.json").write_text("[{")
    assert run(data, out) == 2
    assert "fit.json cannot be read" in capsys.readouterr().err


def test_a_split_is_drawn_once_and_its_validation_pictures_choose_the_thresholds(data, tmp_path):
    split, out = tmp_path / "bolt.json", tmp_path / "bolt.onnx"
    assert run(data / "bolt", out, "--split", str(split)) == 0
    drawn = json.loads(split.read_text())
    assert run(data / "bolt", out, "--split", str(split), "--overwrite") == 0
    assert json.loads(split.read_text()) == drawn
    spec = read_spec(out)
    assert spec.threshold_rule.normals == 1
    assert spec.trained_on["count"] == 5
    assert run(data / "bolt", out, "--split", str(split), "--seed", "7") == 2


def test_a_split_and_another_way_to_hold_out_are_refused_together(data, tmp_path, capsys):
    split, out = tmp_path / "bolt.json", tmp_path / "bolt.onnx"
    assert run(data / "bolt", out, "--split", str(split), "--hold-out", "0.3") == 2
    assert "leave out --folds and --hold-out" in capsys.readouterr().err
    assert not out.exists()


def test_several_classes_need_a_folder(data, tmp_path, capsys):
    assert run(data, tmp_path / "one.onnx", "--dataset", "mvtec") == 2
    assert "give --out a folder" in capsys.readouterr().err
    assert run(data, tmp_path / "one.onnx") == 2
    assert "several classes" in capsys.readouterr().err


def test_a_missing_region_file_is_named(data, tmp_path, capsys):
    assert run(data, tmp_path / "engines", "--roi", "none.yaml") == 2
    assert "none.yaml" in capsys.readouterr().err
