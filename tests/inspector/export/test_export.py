"""Tests of `line-inspector export`: tables and data sets from a store."""

import csv
import importlib.util
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from output_parts import defect
from store_runs import LogOfRun, follow, frame, open_store

from inspector.core.file_hash import state_of
from inspector.core.types import Verdict
from inspector.export.masks import draw_mask
from inspector.store.feedback import add_feedback
from learning.datasets.layouts import make_layout
from tools.export import main

SQUARE = np.array(((4.0, 6.0), (12.0, 6.0), (12.0, 10.0), (4.0, 10.0)))
HOLE = np.array(((6.0, 7.0), (8.0, 7.0), (8.0, 9.0), (6.0, 9.0)))
HW = (24, 32)
MARK = replace(defect(), polygons=(SQUARE,), box_px=(4.0, 6.0, 12.0, 10.0), area_px=32.0)
RING = replace(defect(1), polygons=(SQUARE + 10, HOLE + 10), holes=1, area_px=28.0)
"""Of 8 x 4 px, and the same with a hole of 2 x 2 px."""
RING_MASK = np.zeros(HW, np.uint8)
RING_MASK[16:20, 14:22] = 1
RING_MASK[17:19, 16:18] = 0


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Frames 0 to 3 are PASS, 4 and 5 FAIL with one and two defects, 6 FAIL without an original,
    7 ERROR, 8 PASS with a missed defect, 9 FAIL that was fine, 10 FAIL whose original was changed.
    """
    folder = tmp_path_factory.mktemp("export")
    log = LogOfRun(folder / "runs/a", recipe_id="lid")
    for number in range(4):
        log.add(frame(number, part_id="=1+1" if number == 0 else None))
    log.add(frame(4, Verdict.FAIL, defects=(MARK,), score=3.25))
    log.add(frame(5, Verdict.FAIL, defects=(MARK, RING)))
    log.add(frame(6, Verdict.FAIL, defects=(MARK,)))
    log.add(frame(7, Verdict.ERROR), frame(8), frame(9, Verdict.FAIL, defects=(MARK,)))
    log.add(frame(10, Verdict.FAIL, defects=(MARK,)))
    files = {}
    (folder / "runs/a/originals").mkdir()
    for number in (*range(6), *range(7, 11)):
        picture = np.full((*HW, 3), 10 * number, np.uint8)
        name = f"originals/frame_{number:08d}.png"
        data = cv2.imencode(".png", picture)[1].tobytes()
        (folder / "runs/a" / name).write_bytes(data)
        files[name] = state_of(data + b"x" * (number == 10)).plain()
    log.finish(files)
    path = folder / "runs/store.sqlite"
    with open_store(path) as opened:
        follow(opened, folder / "runs/a")
        facts: dict[str, Any] = {"run_id": "r1", "source": "main", "who": "m.weber"}
        add_feedback(opened, frame_id=0, answer="fine", **facts)
        add_feedback(opened, frame_id=8, answer="missed", **facts)
        add_feedback(opened, frame_id=9, answer="fine", **facts)
    before = path.read_bytes()
    yield path
    assert path.read_bytes() == before


def export(store: Path, out: Path, form: str, *more: str) -> int:
    return main(["--store", str(store), "--out", str(out), "--format", form, *more])


def read_csv(path: Path, **form: str) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file, **form))


def test_csv_has_inspections_and_defects(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(store, tmp_path / "out", "csv") == 0
    assert "11 inspections and 6 defects written" in capsys.readouterr().out
    inspections = read_csv(tmp_path / "out/inspections.csv")
    assert [row["frame_id"] for row in inspections] == [str(number) for number in range(11)]
    fail = inspections[4]
    assert fail["wall_time_utc"] == "2026-01-31T12:00:00.400Z"
    assert (fail["verdict"], fail["score"], fail["recipe_id"]) == ("FAIL", "3.25", "lid")
    assert (fail["worst_length"], fail["size_unit"]) == ("0.566", "mm")
    assert fail["original"] == "originals/frame_00000004.png"
    assert len(fail["original_sha256"]) == 64
    assert inspections[0]["part_id"] == "'=1+1"
    assert (inspections[0]["feedback"], inspections[6]["original"]) == ("fine", "")
    defects = read_csv(tmp_path / "out/defects.csv")
    assert [row["frame_id"] for row in defects] == ["4", "5", "5", "6", "9", "10"]
    assert (defects[0]["length"], defects[0]["length_u"]) == ("0.566", "0.01")


def test_csv_for_a_german_spreadsheet(store: Path, tmp_path: Path) -> None:
    form = ("--separator", ";", "--decimal", ",", "--bom")
    assert export(store, tmp_path / "out", "csv", "--verdict", "FAIL", *form) == 0
    content = (tmp_path / "out/inspections.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfrun_id;source;")
    rows = read_csv(tmp_path / "out/inspections.csv", delimiter=";")
    assert [row["score"] for row in rows][:2] == ["3,25", "1,0"]


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (("--from", "2026-01-31T13:00:00.300+01:00", "--to", "2026-01-31T12:00:00.600Z"), "345"),
        (("--verdict", "FAIL,ERROR", "--to", "2026-01-31T12:00:00.800Z"), "4567"),
        (("--source", "main", "--recipe", "lid", "--kind", "all", "--verdict", "ERROR"), "7"),
    ],
)
def test_options_select(store: Path, tmp_path: Path, options: tuple[str, ...], ids: str) -> None:
    assert export(store, tmp_path / "out", "csv", *options) == 0
    assert "".join(row["frame_id"] for row in read_csv(tmp_path / "out/inspections.csv")) == ids


def test_parquet_has_typed_columns(store: Path, tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    assert export(store, tmp_path / "o'ut", "parquet") == 0
    folder = tmp_path / "o'ut"
    assert sorted(path.name for path in folder.iterdir()) == [
        "defects.parquet",
        "inspections.parquet",
    ]
    written = duckdb.read_parquet(str(folder / "inspections.parquet"))
    types = dict(zip(written.columns, map(str, written.types), strict=True))
    assert types["wall_time_utc"] == "TIMESTAMP WITH TIME ZONE"
    assert (types["frame_id"], types["score"], types["part_id"]) == ("BIGINT", "DOUBLE", "VARCHAR")
    query = "SELECT part_id, epoch_ms(wall_time_utc) FROM written WHERE frame_id = 0"
    assert duckdb.sql(query).fetchall() == [("=1+1", 1_769_860_800_000)]
    defects = duckdb.read_parquet(str(folder / "defects.parquet"))
    assert len(defects) == 6


def test_a_missing_duckdb_is_a_sentence(
    store: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    assert export(store, tmp_path / "out", "parquet") == 2
    assert "Parquet needs duckdb: pip install '.[parquet]'" in capsys.readouterr().err


def test_coco_follows_the_rules_of_the_format(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert export(store, out, "coco", "--category", "severity") == 0
    printed = capsys.readouterr().out
    assert "7 pictures and 3 defects" in printed
    assert "left out: 1 inspections have no original picture" in printed
    assert "left out: 1 inspections are ERROR" in printed
    assert "left out: 1 inspections have the answer 'missed'" in printed
    assert "left out: 1 inspections have an original picture that differs" in printed
    content = json.loads((out / "annotations.json").read_text())
    images = {image["id"]: image for image in content["images"]}
    categories = {category["id"]: category["name"] for category in content["categories"]}
    assert len(images) == len(content["images"]) == 7
    for image in images.values():
        picture = cv2.imread(str(out / "images" / image["file_name"]))
        assert picture.shape[:2] == (image["height"], image["width"]) == HW
        assert (picture == 10 * image["frame_id"]).all()
    annotations = content["annotations"]
    assert sorted(a["id"] for a in annotations) == [1, 2, 3]
    assert {images[a["image_id"]]["frame_id"] for a in annotations} == {4, 5}
    assert {categories[a["category_id"]] for a in annotations} == {"high"}
    first, _, ring = annotations
    assert first["segmentation"] == [SQUARE.flatten().tolist()]
    assert (first["bbox"], first["area"], first["iscrowd"]) == ([4.0, 6.0, 8.0, 4.0], 32.0, 0)
    counts = ring["segmentation"]["counts"]
    assert (ring["segmentation"]["size"], sum(counts)) == (list(HW), HW[0] * HW[1])
    mask = np.repeat(np.arange(len(counts)) % 2, counts).reshape(HW, order="F")
    assert mask.tolist() == RING_MASK.tolist()
    assert ring["area"] == 28.0


@pytest.mark.skipif(importlib.util.find_spec("pycocotools") is None, reason="needs pycocotools")
def test_pycocotools_reads_it(store: Path, tmp_path: Path) -> None:
    from pycocotools.coco import COCO

    assert export(store, tmp_path / "out", "coco") == 0
    coco = COCO(str(tmp_path / "out/annotations.json"))
    ids = coco.getAnnIds(catIds=coco.getCatIds(catNms=["defect"]))
    areas = [int(coco.annToMask(annotation).sum()) for annotation in coco.loadAnns(ids)]
    assert areas == [32, 32, 28]
    assert (coco.annToMask(coco.loadAnns(ids)[2]) == RING_MASK).all()


def test_mvtec_folders_are_read_by_our_reader(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert export(store, out, "mvtec", "--good", "pass", "--test-share", "0.4") == 0
    assert "5 good and 2 defective pictures" in capsys.readouterr().out
    layout = make_layout("mvtec")
    data = layout.read(out, layout.classes(out)[0])
    assert data.problems == ()
    assert len(data.normals()) == 3
    defective = [sample for sample in data.tests() if sample.defective]
    assert (len(data.tests()), len(defective)) == (4, 2)
    square = np.zeros(HW, np.uint8)
    square[6:10, 4:12] = 1
    for sample, expected in zip(defective, (square, square | RING_MASK), strict=True):
        (path,) = sample.masks
        mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert mask.dtype == np.uint8
        assert mask.tolist() == (255 * expected).tolist()


def test_good_pictures_are_confirmed_by_a_person(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert export(store, out, "mvtec", "--test-share", "0", "--link") == 0
    assert (
        "left out: 3 inspections are PASS, but no person has confirmed it"
        in capsys.readouterr().out
    )
    goods = sorted((out / "train/good").iterdir())
    assert [path.name[-12:] for path in goods] == ["00000000.png", "00000009.png"]
    original = store.parent / "a/originals/frame_00000009.png"
    assert goods[1].is_symlink()
    assert goods[1].resolve() == original


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--format", "csv", "--from", "2027-01-01T00:00:00Z"), "has no inspection that fits"),
        (
            ("--format", "csv", "--from", "2027-01-01"),
            "from_utc: the time '2027-01-01' has no zone",
        ),
        (("--format", "csv", "--verdict", "BAD"), "a verdict is PASS, FAIL, ERROR"),
        (("--format", "csv", "--decimal", ","), "separator and decimal are both a comma"),
        (("--format", "coco", "--verdict", "ERROR"), "there is no picture to export; left out: 1"),
    ],
)
def test_what_cannot_be_exported_is_a_sentence(
    store: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    text: str,
) -> None:
    assert main(["--store", str(store), "--out", str(tmp_path / "out"), *options]) == 2
    assert text in capsys.readouterr().err


def test_other_files_are_not_mixed_with_an_export(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/notes.txt").write_text("")
    assert export(store, tmp_path / "out", "csv") == 2
    assert "is not empty: name a new folder" in capsys.readouterr().err
    assert export(tmp_path / "none.sqlite", tmp_path / "new", "csv") == 2
    assert "there is no store" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("polygon", "pixels"),
    [
        (((1.0, 1.0), (3.0, 1.0), (3.0, 3.0), (1.0, 3.0)), 4),
        (((1.4, 1.4), (2.6, 1.4), (2.6, 2.6), (1.4, 2.6)), 4),
        (((1.6, 1.6), (2.4, 1.6), (2.4, 2.4), (1.6, 2.4)), 1),
        (((-3.0, -3.0), (2.0, -3.0), (2.0, 2.0), (-3.0, 2.0)), 4),
        (((1.1, 1.1), (6.9, 1.1), (6.9, 1.3), (1.1, 1.3)), 6),
        (((2.0, 2.0),), 1),
    ],
)
def test_a_mask_has_the_pixels_whose_centre_is_inside(
    polygon: tuple[tuple[float, float], ...], pixels: int
) -> None:
    """A defect without such a pixel has the nearest to its outline."""
    mask = draw_mask((np.array(polygon),), (8, 9))
    assert np.count_nonzero(mask) == pixels
