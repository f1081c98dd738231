"""The command accept: results, pictures that the engine knows, mm, and verification."""

import csv
import hashlib
import json
import shutil
from pathlib import Path

import cv2
import pytest
from engine_parts import fit_parts, part

from calibration.scale import from_scale
from calibration.store import save_calibration
from evaluation.acceptance.record import FILES, PAGE, PDF, RESULT, TRIALS, verify_record
from tools.accept import main

HELD_OUT = 32
FITTED = 8
"""Pictures that fit_parts fits, with the seeds 0 to 7."""


def write_parts(folder: Path, seeds: range) -> Path:
    folder.mkdir()
    for seed in seeds:
        picture = cv2.cvtColor(part(seed), cv2.COLOR_RGB2BGR)
        assert cv2.imwrite(str(folder / f"{seed:03}.png"), picture)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an engine, good pictures and the results of an acceptance test."""
    folder = tmp_path_factory.mktemp("accept")
    fit_parts(folder / "e.onnx")
    write_parts(folder / "good", range(100, 100 + HELD_OUT))
    assert accept(folder) == 0
    return folder


@pytest.fixture
def copied(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "copy"))


def accept(folder: Path, *more: str, defects: str = "foreign,scratch:3,20") -> int:
    argv = [str(folder / "e.onnx"), "--normal", str(folder / "good"), "--contrast", "120"]
    return main([*argv, "--defects", defects, "--threads", "1", *more])


def results(folder: Path, name: str = "e.acceptance") -> dict:
    return json.loads((folder / name / RESULT).read_text())


def test_results_rates_and_trials_agree(made: Path) -> None:
    values = results(made)
    passed = [p["name"] for p in values["pictures"] if p["verdict"] == "PASS"]
    with (made / "e.acceptance" / TRIALS).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(passed) * 2 * 2
    assert {row["picture"] for row in rows} == set(passed)
    for kind in values["kinds"]:
        for size in kind["sizes"]:
            same = [
                row["verdict"]
                for row in rows
                if row["kind"] == kind["kind"] and float(row["size"]) == size["size"]
            ]
            assert size["drawn"] == len(same) - same.count("NOT DRAWN")
            assert size["detected"] == same.count("FAIL")
            assert size["slip"]["count"] == same.count("PASS")
    failed = sum(p["verdict"] == "FAIL" for p in values["pictures"])
    assert values["good"]["false_rejection"]["count"] == failed
    assert values["good"]["false_rejection"]["of"] == HELD_OUT
    large = values["kinds"][0]["sizes"][1]
    assert large["detected"] > 0.8 * large["drawn"], "a large particle of contrast 120 is found"
    assert values["kinds"][0]["sizes"][0]["detected"] <= large["detected"]


def test_the_page_has_the_sentences_the_pictures_and_the_hash(made: Path) -> None:
    page = (made / "e.acceptance" / PAGE).read_text()
    digest = hashlib.sha256((made / "e.acceptance" / RESULT).read_bytes()).hexdigest()
    assert digest in page
    assert "Signature" in page
    assert "False rejection" in page
    assert "Slip" in page
    assert page.count("data:image/jpeg") >= 2
    assert "http" not in page.replace("http-equiv", "")


def test_the_same_seed_gives_the_same_trials(made: Path, tmp_path: Path) -> None:
    assert accept(made, "--out", str(tmp_path / "again")) == 0
    assert (tmp_path / "again" / TRIALS).read_bytes() == (
        made / "e.acceptance" / TRIALS
    ).read_bytes()


def test_pictures_of_fitting_and_copies_are_left_out_by_name(copied: Path, capsys) -> None:
    shutil.rmtree(copied / "good")
    good = write_parts(copied / "good", range(4, 14))
    shutil.copy(good / "009.png", good / "copy.png")
    assert accept(copied, "--overwrite", defects="foreign:20") == 0
    values = results(copied)
    reasons = {each["name"]: each["reason"] for each in values["left_out"]}
    assert {"004.png", "005.png", "006.png", "007.png", "copy.png"} <= reasons.keys()
    assert "fitted" in reasons["004.png"]
    assert "009.png" in reasons["copy.png"]
    out = capsys.readouterr().out
    assert "at least 29 pictures are needed" in out
    assert values["kinds"][0]["a90_95"]["size"] is None


def test_only_pictures_of_fitting_are_refused(copied: Path, capsys) -> None:
    shutil.rmtree(copied / "good")
    write_parts(copied / "good", range(FITTED))
    assert accept(copied, "--overwrite") == 2
    error = capsys.readouterr().err
    assert "the engine was fitted on it" in error
    assert "Traceback" not in error


def test_sizes_are_mm_with_a_calibration(copied: Path) -> None:
    save_calibration(from_scale(0.5, (64, 96)), copied / "cal.yaml")
    argv = ("--calibration", str(copied / "cal.yaml"), "--overwrite", "--pictures", "3")
    assert accept(copied, *argv, defects="foreign:8") == 0
    values = results(copied)
    assert values["design"]["unit"] == "mm"
    with (copied / "e.acceptance" / TRIALS).open(encoding="utf-8") as file:
        sizes = [float(row["size_px"]) for row in csv.DictReader(file) if row["size_px"]]
    assert sizes == pytest.approx([16] * 3, rel=0.011)


def test_a_calibration_for_other_frames_ends_with_5(copied: Path) -> None:
    save_calibration(from_scale(0.5, (480, 640)), copied / "cal.yaml")
    assert accept(copied, "--calibration", str(copied / "cal.yaml"), "--overwrite") == 5


def test_a_size_that_does_not_fit_is_not_drawn_and_does_not_count(copied: Path) -> None:
    assert accept(copied, "--overwrite", defects="foreign:20,400") == 0
    small, large = results(copied)["kinds"][0]["sizes"]
    assert large["drawn"] == 0
    assert not large["used"]
    assert small["drawn"] > 20
    assert small["used"]


def test_existing_results_are_kept(made: Path) -> None:
    assert accept(made) == 2


@pytest.mark.parametrize(
    "argv",
    [(), ("e.onnx",), ("--normal", "good"), ("e.onnx", "--normal", "good", "--sha256", "0" * 64)],
)
def test_missing_arguments_are_refused(argv: tuple[str, ...]) -> None:
    assert main(list(argv)) == 2


def test_an_unchanged_result_is_verified(made: Path, capsys) -> None:
    folder = made / "e.acceptance"
    digest = hashlib.sha256((folder / RESULT).read_bytes()).hexdigest()
    for path in (folder, folder / RESULT):
        assert main(["--verify", str(path), "--sha256", digest.upper()]) == 0
    assert main([str(made / "e.onnx"), "--verify", str(folder)]) == 0
    assert digest in capsys.readouterr().out


def test_another_layout_of_the_json_is_the_same_content(copied: Path) -> None:
    path = copied / "e.acceptance" / RESULT
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert main(["--verify", str(path)]) == 0


def change_figure(folder: Path) -> None:
    values = json.loads((folder / RESULT).read_text())
    values["kinds"][0]["a90_95"]["size"] = 0.5
    (folder / RESULT).write_text(json.dumps(values))


def change_figure_and_page(folder: Path) -> None:
    old = hashlib.sha256((folder / RESULT).read_bytes()).hexdigest()
    values = json.loads((folder / RESULT).read_text())
    values["kinds"][0]["sizes"][0]["detected"] += 1
    (folder / RESULT).write_text(json.dumps(values, sort_keys=True, indent=1) + "\n")
    new = hashlib.sha256((folder / RESULT).read_bytes()).hexdigest()
    (folder / PAGE).write_text((folder / PAGE).read_text().replace(old, new))


def change_trials(folder: Path) -> None:
    text = (folder / TRIALS).read_text()
    (folder / TRIALS).write_text(text.replace("PASS", "FAIL", 1))


def change_page(folder: Path) -> None:
    old = hashlib.sha256((folder / RESULT).read_bytes()).hexdigest()
    (folder / PAGE).write_text((folder / PAGE).read_text().replace(old, "0" * 64))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (change_figure, "another content hash"),
        (change_figure_and_page, "do not follow from trials.csv"),
        (change_trials, "trials.csv was changed"),
        (change_page, "another content hash"),
    ],
)
def test_every_change_is_noticed(change, words: str, copied: Path, capsys) -> None:
    change(copied / "e.acceptance")
    assert main(["--verify", str(copied / "e.acceptance")]) == 1
    assert words in capsys.readouterr().err


def test_another_hash_or_engine_is_noticed(copied: Path, capsys) -> None:
    folder = str(copied / "e.acceptance")
    assert main(["--verify", folder, "--sha256", "0" * 64]) == 1
    (copied / "other.onnx").write_bytes(b"another")
    assert main([str(copied / "other.onnx"), "--verify", folder]) == 1
    error = capsys.readouterr().err
    assert "not 0000" in error
    assert "not the engine that was tested" in error


@pytest.mark.parametrize("content", [b"", b"[1]", b"{}", b"\xff", None])
def test_a_file_that_is_no_result_is_refused(content: bytes | None, tmp_path: Path, capsys) -> None:
    if content is not None:
        (tmp_path / RESULT).write_bytes(content)
    assert main(["--verify", str(tmp_path / RESULT)]) == 2
    error = capsys.readouterr().err
    assert RESULT in error
    assert "Traceback" not in error


def test_all_files_are_written(made: Path) -> None:
    assert sorted(path.name for path in (made / "e.acceptance").iterdir()) == sorted(FILES)


@pytest.mark.pdf
def test_the_page_is_also_written_as_pdf(copied: Path, weasyprint) -> None:
    pypdf = pytest.importorskip("pypdf")
    assert accept(copied, "--pdf", "--overwrite", defects="foreign:20") == 0
    sheets = pypdf.PdfReader(copied / "e.acceptance" / PDF).pages
    digest, _ = verify_record(copied / "e.acceptance", None, None)
    text = "".join(sheet.extract_text() for sheet in sheets).replace("\n", "")
    assert digest in text
