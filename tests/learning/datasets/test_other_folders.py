"""Folders that are no data sets: the message says what they are and what to do."""

import shutil

import pytest
from dataset_trees import mask, mvtec_class, picture

from inspector.core.errors import DataError
from learning.datasets.layouts import detect, load


def run_results(folder):
    picture(folder / "snapshots" / "frame_00000003_FAIL.jpg")
    picture(folder / "defects" / "d1.jpg")
    (folder / "inspections.jsonl").write_text("{}\n")
    (folder / "sightings.csv").write_text("frame_id\n")
    (folder / "summary.json").write_text("{}")
    return folder


def refusal(folder):
    with pytest.raises(DataError) as error:
        load(folder, None)
    return str(error.value)


def test_results_of_a_run_are_named(tmp_path):
    out = run_results(tmp_path / "out")
    sentence = "a verdict of an engine is no truth: sort pictures with known truth into"
    assert "out is no data set: it holds the results of a run, and " + sentence in refusal(out)
    snapshots = refusal(out / "snapshots")
    assert "it holds pictures that a run made, and " + sentence in snapshots
    assert "it holds pictures that a run made" in refusal(out / "defects")
    shutil.copytree(out / "snapshots", tmp_path / "copied")
    assert "it holds pictures that a run made" in refusal(tmp_path / "copied")
    run_results(tmp_path / "several" / "left")
    assert "it holds the results of a run" in refusal(tmp_path / "several")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("metrics.json", "results of an evaluation: give the data set that was evaluated"),
        ("bottle/metrics.json", "results of an evaluation"),
        ("compare.json", "results of an evaluation"),
        ("bottle.onnx", "engine files: give it with --engine"),
        ("clip.MP4", "videos: save frames as pictures, and sort"),
        ("bottle.tar.gz", "archives: unpack them, and give the folder inside"),
        (".hidden", "it is empty"),
    ],
)
def test_other_folders_are_named(tmp_path, name, sentence):
    path = tmp_path / "folder" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    assert sentence in refusal(tmp_path / "folder")


def test_a_data_set_one_folder_below_is_named(tmp_path):
    mvtec_class(tmp_path / "download" / "mvtec" / "bottle")
    assert refusal(tmp_path / "download").endswith(
        f"but the folder {tmp_path / 'download' / 'mvtec'} in it is: give that"
    )


def test_a_data_set_may_hold_results_engines_and_videos_beside_its_pictures(tmp_path):
    folder = tmp_path / "parts"
    picture(folder / "ok" / "0.png")
    picture(folder / "crack" / "1.png")
    mask(folder / "masks" / "crack" / "1.png")
    run_results(folder / "out")
    for name in ("engine.onnx", "clip.mp4", "metrics.json"):
        (folder / name).write_bytes(b"x")
    assert detect(folder) == "folder"
    (data,) = load(folder, None)
    assert data.kinds() == ("crack",)
    assert len(data.problems) == 1
    assert "out is left out: it holds the results of a run" in data.problems[0]
