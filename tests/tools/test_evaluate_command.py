"""python -m tools.evaluate, with a fake engine and with a real one."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from scenes import fake_engine_file, make_class, plate, write

from inspector.core.files import sole_writer
from learning.datasets.layouts import load
from learning.datasets.splits import Fractions, load_or_make
from tools.evaluate import main
from tools.fit import main as fit

FAKE = ["--backend", "fake", "--resamples", "0"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in ("nuts", "plates"):
        make_class(tmp_path / "data" / name, good=4, defective=2)
        fake_engine_file(tmp_path / "engines" / f"{name}.onnx")
    return tmp_path


def call(place: Path, *more: str, engine: str = "engines", data: str = "data") -> int:
    paths = ["--engine", str(place / engine), "--data", str(place / data)]
    return main([*paths, "--out", str(place / "out"), *FAKE, *more])


def test_one_class_is_told_in_full_and_written(place, capsys):
    assert call(place, engine="engines/plates.onnx", data="data/plates") == 0
    said = capsys.readouterr().out
    for word in ("image AUROC", "AUPRO@0.3", "test-selected", "honest", "false alarms", "misses"):
        assert word in said
    assert "test/speck/000.png" in said
    assert "<html" in (place / "out" / "report.html").read_text().lower()
    whole = json.loads((place / "out" / "metrics.json").read_text())
    assert whole["classes"][0]["name"] == "plates"
    assert (place / "out" / "plates" / "pictures.csv").is_file()


def test_a_folder_of_classes_ends_in_a_table_with_the_mean(place, capsys):
    assert call(place) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said[:4]] == ["class", "nuts", "plates", "mean"]
    with (place / "out" / "metrics.csv").open() as file:
        assert [row["class"] for row in csv.DictReader(file)] == ["nuts", "plates", "mean"]
    for name in ("", "nuts", "plates"):
        assert (place / "out" / name / "report.html").is_file()


def test_a_second_call_keeps_what_has_not_changed(place, capsys):
    call(place, "--no-report")
    assert "kept" not in capsys.readouterr().out
    write(place / "data" / "nuts" / "test" / "good" / "900.png", plate(3))
    call(place, "--no-report")
    said = capsys.readouterr().out
    assert "plates: kept" in said
    assert "nuts: kept" not in said
    assert not list((place / "out").rglob("report.html"))


@pytest.mark.parametrize("option", ["--data", "--engine", "--split", "--out"])
def test_a_name_that_is_too_long_is_one_sentence(place, capsys, option):
    more = ["--class", "nuts"] if option == "--split" else []
    assert call(place, *more, option, "x" * 300) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_two_runs_never_share_a_folder(place, capsys):
    with sole_writer(place / "out"):
        assert call(place) == 2
    assert capsys.readouterr().err == f"error: another run is writing to {place / 'out'}\n"
    assert list((place / "out").iterdir()) == []


def test_pictures_in_error_end_in_exit_code_one_with_everything_written(place, capsys):
    (place / "data" / "nuts" / "test" / "good" / "001.png").write_bytes(b"")
    assert call(place) == 1
    said = capsys.readouterr()
    assert said.err == ("error: test pictures that could not be judged and are in no figure: 1\n")
    assert (place / "out" / "plates" / "metrics.json").is_file()
    found = json.loads((place / "out" / "nuts" / "metrics.json").read_text())
    (picture,) = [one for one in found["pictures"] if one["verdict"] == "ERROR"]
    assert picture["name"] == "test/good/001.png"


def test_a_class_without_an_engine_ends_in_exit_code_one(place, capsys):
    (place / "engines" / "nuts.onnx").unlink()
    assert call(place) == 1
    said = capsys.readouterr()
    assert "classes that could not be evaluated: 1" in said.err
    assert "nuts was not evaluated" in said.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--engine", "engines/gone.onnx", "--data", "data/nuts"], "gone.onnx"),
        (["--engine", "engines/nuts.onnx", "--data", "gone"], "gone is no folder"),
        (["--engine", "engines/nuts.onnx", "--data", "data/nuts", "--out", "data/nuts/x"], "read"),
        (["--engine", "engines", "--data", "data", "--out", "engines"], "would write into"),
        (["--engine", "engines", "--data", "data", "--out", "file"], "is a file"),
        (["--engine", "engines", "--data", "data", "--class", "bolts"], "--class bolts is unknown"),
        (["--engine", "engines", "--data", "data", "--split", "file"], "one file for 2 classes"),
        (["--engine", "engines/nuts.onnx", "--data", "data/nuts", "--out", "data"], "write into"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_exit_code_two(
    place, monkeypatch, capsys, arguments, sentence
):
    monkeypatch.chdir(place)
    (place / "file").write_text("")
    out = [] if "--out" in arguments else ["--out", "out"]
    assert main([*arguments, *out, *FAKE]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert sentence in said


def test_a_class_without_test_pictures_is_one_sentence(place, capsys):
    make_class(place / "empty", good=0, defective=0)
    assert call(place, engine="engines/plates.onnx", data="empty") == 2
    assert "no test pictures" in capsys.readouterr().err


def test_options_out_of_range_are_refused(place, capsys):
    for options in (["--batch", "0"], ["--threads", "-1"], ["--mask-rule", "some"]):
        with pytest.raises(SystemExit) as ended:
            call(place, *options)
        assert ended.value.code == 2
    capsys.readouterr()


def test_a_fitted_engine_is_evaluated_with_its_report(tmp_path, capsys):
    make_class(tmp_path / "plates", good=4, defective=2)
    for seed in range(4):
        write(tmp_path / "plates" / "train" / "good" / f"9{seed}.png", plate(2000 + seed))
    engine = tmp_path / "plates.onnx"
    fit(["--method", "rad", "--normal", str(tmp_path / "plates"), "--out", str(engine),
         "--size", "64x96", "--threads", "1"])  # fmt: skip
    capsys.readouterr()
    out = tmp_path / "out"
    arguments = ["--engine", str(engine), "--data", str(tmp_path / "plates"), "--out", str(out)]
    assert main([*arguments, "--threads", "1", "--resamples", "20"]) == 0
    assert "rad on efficientnet_lite0" in capsys.readouterr().out
    found = json.loads((out / "plates" / "metrics.json").read_text())
    assert found["figures"]["image_auroc"]["value"] > 0.5
    assert np.isfinite(found["latency"]["total_p50_ms"])


def test_an_engine_fitted_on_the_test_pictures_is_told(tmp_path, capsys):
    folder = make_class(tmp_path / "plates", good=8, defective=1)
    engine = tmp_path / "plates.onnx"
    fit(["--method", "rad", "--normal", str(folder / "test" / "good"), "--out", str(engine),
         "--size", "64x96", "--threads", "1"])  # fmt: skip
    assert cv2.imread(str(folder / "test" / "good" / "000.png")) is not None
    arguments = ["--engine", str(engine), "--data", str(folder), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--threads", "1", "--resamples", "0", "--no-report"]) == 0
    assert "fitted on 8 of these test pictures" in capsys.readouterr().out


def test_a_split_says_which_pictures_test(tmp_path, capsys):
    for seed in range(6):
        write(tmp_path / "plain" / "good" / f"{seed}.png", plate(seed))
    write(tmp_path / "plain" / "hole" / "0.png", plate(50, (40, 30, 6, 10)))
    engine = str(fake_engine_file(tmp_path / "plain.onnx"))
    (data,) = load(tmp_path / "plain", None)
    shares = Fractions(validation=0.0, test=0.5)
    split = load_or_make(tmp_path / "split.json", data, seed=0, fractions=shares)
    arguments = ["--engine", engine, "--data", str(tmp_path / "plain"), "--no-report", *FAKE]
    assert main([*arguments, "--out", str(tmp_path / "all")]) == 0
    assert "6 good and 1 defective" in capsys.readouterr().out
    chosen = ["--split", str(tmp_path / "split.json"), "--out", str(tmp_path / "some")]
    assert main([*arguments, *chosen]) == 0
    assert "3 good and 1 defective" in capsys.readouterr().out
    found = json.loads((tmp_path / "some" / "plain" / "metrics.json").read_text())
    assert {one["name"] for one in found["pictures"]} == set(split.test)
