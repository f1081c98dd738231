"""The command benchmark on generated classes with the names of MVTec AD."""

import dataclasses
import shutil

import pytest
from plate_dataset import write_class_folder
from ready_methods import ready_method

from engines.spec_file import read_spec
from evaluation.published import MVTEC, PUBLISHED, VISA, find_published
from evaluation.results import METRIC_NAMES
from learning.downloads.public_sets import PUBLIC_SETS
from learning.methods.registry import fitted_methods, make_method
from tools.benchmark import main


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("benchmark")
    for name in ("bottle", "metal_nut"):
        write_class_folder(folder / "mvtec" / name, good=4, defective=2)
    _, backbone = ready_method("winclip", {}, folder)
    return folder, backbone


def call(place, *more: object, method: str = "winclip", shots: int = 1, out: str = "") -> int:
    folder, backbone = place
    words = ["--method", method, "--data", folder / "mvtec", "--out", folder / (out or method)]
    if method == "winclip":
        words += ["--backbone", backbone, "--shots", shots]
    return main(list(map(str, [*words, *more])))


def test_figures_of_every_class_stand_beside_the_published_means(place, capsys):
    assert call(place) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["class", "image", "AUROC", "pixel", "AUROC", "pixel", "AP"]
    assert [line.split()[0] for line in lines[1:4]] == ["bottle", "metal_nut", "mean"]
    rows = [[float(cell) for cell in line.split()[1:]] for line in lines[1:4]]
    assert all(0 <= value <= 1 for row in rows for value in row)
    assert abs(rows[2][0] - (rows[0][0] + rows[1][0]) / 2) < 0.0011
    assert lines[4].split()[-3:] == ["0.937", "0.936", "-"]
    assert "Accurate-WinCLIP, 1 good" in lines[4]
    assert "means over all 15 classes; 13 of them are missing here, such as cable" in lines[5]


def test_the_published_settings_are_used(place):
    folder, _ = place
    call(place)
    spec = read_spec(folder / "winclip" / "engines" / "metal_nut.onnx")
    assert spec.parameters["class_name"] == "metal nut"
    assert spec.parameters["shots"] == 1
    assert spec.parameters["sigma"] == 0.0
    assert spec.resize.input_hw == (64, 96)
    assert "text_tower_sha256" in spec.versions


def test_a_second_call_uses_what_is_done_and_a_deleted_result_is_made_again(place, capsys):
    folder, _ = place
    call(place)
    first = capsys.readouterr().out
    paths = sorted(folder.glob("winclip/*/*.onnx")) + sorted(
        folder.glob("winclip/results/*/*.json")
    )
    times = {path: path.stat().st_mtime_ns for path in paths}
    lost = folder / "winclip" / "results" / "bottle" / "metrics.json"
    lost.unlink()
    assert call(place) == 0
    assert capsys.readouterr().out == first
    changed = [path for path in paths if path.stat().st_mtime_ns != times[path]]
    assert changed == [lost]
    assert len(paths) == 4


def test_one_class_and_another_method(place, capsys):
    assert call(place, "--class", "bottle", method="padim") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["bottle", "mean"]
    assert "xiahaifeng1995" in lines[3]


def test_a_class_that_cannot_be_fitted_is_named_and_the_others_are_shown(place, tmp_path, capsys):
    shutil.copytree(place[0] / "mvtec", tmp_path / "mvtec")
    for path in (tmp_path / "mvtec" / "bottle" / "train" / "good").iterdir():
        path.write_bytes(b"no picture")
    assert call((tmp_path, place[1])) == 2
    printed = capsys.readouterr()
    assert "1 of 2 classes could not be fitted: bottle" in printed.err
    assert any(line.startswith("metal_nut") for line in printed.out.splitlines())


def test_wrong_names_are_refused(place, capsys):
    assert call(place, "--class", "spoon") == 2
    assert "class spoon is not in --data; it has bottle, metal_nut" in capsys.readouterr().err
    assert main(["--method", "winclip", "--data", str(place[0] / "mvtec"), "--out", "x"]) == 2
    assert "has no default backbone" in capsys.readouterr().err
    assert call(place, out="mvtec/out") == 2
    assert "would write into the input folder" in capsys.readouterr().err


def test_published_figures_belong_to_methods_and_metrics_that_exist():
    assert {MVTEC, VISA} == set(PUBLIC_SETS)
    for row in PUBLISHED:
        assert row.method in fitted_methods()
        assert row.data_set in PUBLIC_SETS
        make_method(row.method, row.options)
        assert set(row.figures) <= set(METRIC_NAMES)
        assert all(0.2 < value < 1 for value in row.figures.values())


def test_published_figures_are_chosen_by_method_options_and_data_set():
    values = dataclasses.asdict(make_method("winclip", {"shots": 0}))
    (row,) = find_published("winclip", values, MVTEC)
    assert row.figures == {"image_auroc": 0.918, "pixel_auroc": 0.851}
    (row,) = find_published("winclip", values, VISA)
    assert row.figures == {"image_auroc": 0.781, "pixel_auroc": 0.796}
    assert find_published("winclip", values, None) == ()
    assert find_published("winclip", values | {"shots": 3}, MVTEC) == ()
    assert find_published("winclip", values | {"windows": "pooled"}, MVTEC) == ()
    assert find_published("rad", {}, MVTEC) == ()


def test_classes_of_an_unknown_data_set_have_no_published_figures(place, capsys, tmp_path):
    write_class_folder(tmp_path / "mvtec" / "spoon", good=2, defective=1)
    assert call((tmp_path, place[1])) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["spoon", "mean"]
    assert lines[3] == "note: no published figures are known for this method, options and data set"
