"""The command evaluate, with a fake engine and with a real engine."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from plate_dataset import draw_plate, write_class_folder, write_fake_engine, write_picture

from inspector.core.files import sole_writer
from learning.datasets.layouts import load
from learning.datasets.splits import Fractions, load_or_make
from tools.evaluate import main
from tools.fit import main as fit

FAKE = ["--backend", "fake", "--resamples", "0"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in ("nuts", "plates"):
        write_class_folder(tmp_path / "data" / name, good=4, defective=2)
        write_fake_engine(tmp_path / "engines" / f"{name}.onnx")
    return tmp_path


def call(place: Path, *more: str, engine: str = "engines", data: str = "data") -> int:
    paths = {"--engine": engine, "--data": data, "--out": "out"}
    common = [
        word for key, name in paths.items() if key not in more for word in (key, place / name)
    ]
    return main([*map(str, common), *FAKE, *more])


def test_all_results_of_one_class_are_printed_and_written(place, capsys):
    assert call(place, engine="engines/plates.onnx", data="data/plates") == 0
    output = capsys.readouterr().out
    for word in (
        "image AUROC",
        "AUPRO@0.3",
        "test-selected",
        "before this test",
        "false alarms",
        "misses",
    ):
        assert word in output
    assert "test/speck/000.png" in output
    assert "<html" in (place / "out" / "report.html").read_text().lower()
    metrics = json.loads((place / "out" / "metrics.json").read_text())
    assert metrics["classes"][0]["name"] == "plates"
    assert (place / "out" / "plates" / "pictures.csv").is_file()


def test_several_classes_are_printed_as_a_table_with_the_mean(place, capsys):
    assert call(place) == 0
    output = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in output[:4]] == ["class", "nuts", "plates", "mean"]
    with (place / "out" / "metrics.csv").open() as file:
        assert [row["class"] for row in csv.DictReader(file)] == ["nuts", "plates", "mean"]
    for name in ("", "nuts", "plates"):
        assert (place / "out" / name / "report.html").is_file()


def test_a_second_call_reuses_unchanged_results(place, capsys):
    call(place, "--no-report")
    assert "reused" not in capsys.readouterr().out
    write_picture(place / "data" / "nuts" / "test" / "good" / "900.png", draw_plate(3))
    call(place, "--no-report")
    output = capsys.readouterr().out
    assert "plates: unchanged" in output
    assert "nuts: unchanged" not in output
    assert not list((place / "out").rglob("report.html"))


@pytest.mark.parametrize("option", ["--data", "--engine", "--split", "--out"])
def test_a_name_that_is_too_long_is_one_sentence(place, capsys, option):
    paths = {"--engine": place / "engines", "--data": place / "data", "--out": place / "out"}
    arguments = [
        text for name, path in paths.items() if name != option for text in (name, str(path))
    ]
    arguments += ["--class", "nuts"] if option == "--split" else []
    assert main([*arguments, *FAKE, option, "x" * 300]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_two_runs_never_share_a_folder(place, capsys):
    with sole_writer(place / "out"):
        assert call(place) == 2
    assert (
        capsys.readouterr().err
        == f"error: another run is writing to {place / 'out'}: wait until it ends\n"
    )
    assert list((place / "out").iterdir()) == []


def test_pictures_in_error_end_in_exit_code_one_with_everything_written(place, capsys):
    (place / "data" / "nuts" / "test" / "good" / "001.png").write_bytes(b"")
    assert call(place) == 1
    output = capsys.readouterr()
    assert output.err == ("error: test pictures without a score: 1\n")
    assert (place / "out" / "plates" / "metrics.json").is_file()
    computed = json.loads((place / "out" / "nuts" / "metrics.json").read_text())
    (picture,) = [item for item in computed["pictures"] if item["verdict"] == "ERROR"]
    assert picture["name"] == "test/good/001.png"


def test_a_class_without_an_engine_ends_in_exit_code_one(place, capsys):
    (place / "engines" / "nuts.onnx").unlink()
    assert call(place) == 1
    output = capsys.readouterr()
    assert "classes that were not evaluated: nuts" in output.err
    assert "nuts was not evaluated" in output.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--engine", "engines/gone.onnx", "--data", "data/nuts"], "gone.onnx"),
        (["--engine", "engines/nuts.onnx", "--data", "gone"], "gone is no folder"),
        (
            ["--engine", "engines/nuts.onnx", "--data", "data/nuts", "--out", "data/nuts/x"],
            "input folder",
        ),
        (["--engine", "engines", "--data", "data", "--out", "engines"], "would write into"),
        (["--engine", "engines", "--data", "data", "--out", "file"], "is a file"),
        (["--engine", "engines", "--data", "data", "--class", "bolts"], "--class bolts is unknown"),
        (["--engine", "engines", "--data", "data", "--split", "file"], "one file for 2 classes"),
        (["--engine", "engines/nuts.onnx", "--data", "data/nuts", "--out", "data"], "write into"),
    ],
)
def test_a_refusal_is_one_sentence_and_exit_code_two(
    place, monkeypatch, capsys, arguments, sentence
):
    monkeypatch.chdir(place)
    (place / "file").write_text("")
    out = [] if "--out" in arguments else ["--out", "out"]
    assert main([*arguments, *out, *FAKE]) == 2
    output = capsys.readouterr().err
    assert output.startswith("error: ")
    assert output.count("\n") == 1
    assert sentence in output


def test_a_class_without_test_pictures_is_one_sentence(place, capsys):
    write_class_folder(place / "empty", good=0, defective=0)
    assert call(place, engine="engines/plates.onnx", data="empty") == 2
    assert "no test pictures" in capsys.readouterr().err


def test_options_out_of_range_are_refused(place, capsys):
    for options in (["--batch", "0"], ["--threads", "-1"], ["--mask-rule", "some"]):
        with pytest.raises(SystemExit) as ended:
            call(place, *options)
        assert ended.value.code == 2
    capsys.readouterr()


def test_a_fitted_engine_is_evaluated_with_its_report(tmp_path, capsys):
    write_class_folder(tmp_path / "plates", good=4, defective=2)
    for seed in range(4):
        write_picture(
            tmp_path / "plates" / "train" / "good" / f"9{seed}.png", draw_plate(2000 + seed)
        )
    engine = tmp_path / "plates.onnx"
    fit(["--method", "rad", "--normal", str(tmp_path / "plates"), "--out", str(engine),
         "--size", "96x64", "--threads", "1"])  # fmt: skip
    capsys.readouterr()
    out = tmp_path / "out"
    arguments = ["--engine", str(engine), "--data", str(tmp_path / "plates"), "--out", str(out)]
    assert main([*arguments, "--threads", "1", "--resamples", "20"]) == 0
    assert "rad on efficientnet_lite0" in capsys.readouterr().out
    computed = json.loads((out / "plates" / "metrics.json").read_text())
    assert computed["figures"]["image_auroc"]["value"] > 0.5
    assert np.isfinite(computed["latency"]["total_p50_ms"])


def test_an_engine_fitted_on_the_test_pictures_gives_a_warning(tmp_path, capsys):
    folder = write_class_folder(tmp_path / "plates", good=8, defective=1)
    engine = tmp_path / "plates.onnx"
    fit(["--method", "rad", "--normal", str(folder / "test" / "good"), "--out", str(engine),
         "--size", "96x64", "--threads", "1"])  # fmt: skip
    assert cv2.imread(str(folder / "test" / "good" / "000.png")) is not None
    arguments = ["--engine", str(engine), "--data", str(folder), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--threads", "1", "--resamples", "0", "--no-report"]) == 0
    assert "fitted on 8 of these test pictures" in capsys.readouterr().out


def test_a_split_chooses_the_test_pictures(tmp_path, capsys):
    for seed in range(6):
        write_picture(tmp_path / "plain" / "good" / f"{seed}.png", draw_plate(seed))
    write_picture(tmp_path / "plain" / "hole" / "0.png", draw_plate(50, (40, 30, 6, 10)))
    engine = str(write_fake_engine(tmp_path / "plain.onnx"))
    (data,) = load(tmp_path / "plain", None)
    shares = Fractions(validation=0.0, test=0.5)
    split = load_or_make(tmp_path / "split.json", data, seed=0, fractions=shares)
    arguments = ["--engine", engine, "--data", str(tmp_path / "plain"), "--no-report", *FAKE]
    assert main([*arguments, "--out", str(tmp_path / "all")]) == 0
    assert "6 good and 1 defective" in capsys.readouterr().out
    chosen = ["--split", str(tmp_path / "split.json"), "--out", str(tmp_path / "some")]
    assert main([*arguments, *chosen]) == 0
    assert "3 good and 1 defective" in capsys.readouterr().out
    computed = json.loads((tmp_path / "some" / "plain" / "metrics.json").read_text())
    assert {item["name"] for item in computed["pictures"]} == set(split.test)


def test_pictures_without_folders_are_refused_unless_the_layout_is_named(place, capsys):
    for number in range(3):
        write_picture(place / "loose" / f"{number}.png", draw_plate(number))
    assert call(place, data="loose", engine="engines/plates.onnx") == 2
    error = capsys.readouterr().err
    assert "holds 3 pictures and no folders" in error
    assert "sort them into the folders good and <kind of defect>" in error
    assert error.count("\n") == 1
    assert call(place, "--dataset", "folder", data="loose", engine="engines/plates.onnx") == 0
    assert "3 good and 0 defective pictures" in capsys.readouterr().out


def test_a_doubtful_mask_is_named_and_ends_in_exit_code_one(place, capsys):
    path = next((place / "data" / "plates" / "ground_truth").rglob("*_mask.png"))
    write_picture(path, np.full(cv2.imread(str(path)).shape[:2], 255, np.uint8))
    assert call(place, data="data/plates", engine="engines/plates.onnx") == 1
    printed = capsys.readouterr()
    assert f"mask {path} is refused: it marks 100% of the picture as defect" in printed.out
    assert "--mask-values any" in printed.out
    assert (
        call(place, "--mask-values", "any", data="data/plates", engine="engines/plates.onnx") == 0
    )


def test_errors_and_notes_of_several_classes_are_printed_with_their_names(place, capsys):
    path = next((place / "data" / "plates" / "ground_truth").rglob("*_mask.png"))
    write_picture(path, np.full(cv2.imread(str(path)).shape[:2], 255, np.uint8))
    (place / "data" / "nuts" / "test" / "dent").mkdir()
    assert call(place) == 1
    printed = capsys.readouterr().out
    assert f"plates: ERROR test/{path.parent.name}/" in printed
    assert f"mask {path} is refused" in printed
    assert "nuts: " in printed
    assert "test/dent holds no pictures" in printed
