"""Tests how the pictures of a routine check are judged, and the process that does it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from check_parts import write_sample, write_samples
from waiting import wait_for

from inspector.config import Config, make_config
from inspector.outputs.json_log import read_records
from inspector.service.checks.folder_check import FolderJob, check_config
from inspector.service.checks.options import FOLDER, CheckOptions
from inspector.service.checks.pictures import CheckOrder, CheckOutcome, judge_pictures


def make_line_config(tmp_path: Path, **sections: Any) -> Config:
    values = {
        "source": {"uri": "rtsp://camera", "fps": 30},
        "engine": {"backend": "fake"},
        "verdict": {"image_threshold": 0.9, "pixel_threshold": 0.9},
        "output": {"dir": str(tmp_path / "runs" / "{number}")},
        "tracking": {"enabled": True, "motion": "picture"},
        "parts": {"enabled": True, "by": "frame"},
        "fail_on_anomaly": True,
    }
    return make_config(values | sections)


def judge(tmp_path: Path, folder: Path, content: str | None = None) -> CheckOutcome:
    config = check_config(make_line_config(tmp_path), None, tmp_path / "out")
    config["output"]["overwrite"] = True
    return judge_pictures(CheckOrder(config, "daily", "lid", str(folder), content))


def test_pictures_as_expected_pass_and_the_run_is_marked(tmp_path: Path) -> None:
    folder = write_samples(tmp_path / "sam[p]les", good=2)
    outcome = judge(tmp_path, folder)
    assert outcome.text == "2 of 2 pictures with defects are FAIL, 2 of 2 good ones are PASS"
    assert outcome.passed
    header, *records = read_records(tmp_path / "out" / "inspections.jsonl")
    assert (header["run_id"], header["recipe_id"]) == (outcome.run_id, "lid")
    assert {record["check"] for record in (header, *records)} == {"daily"}
    assert not (tmp_path / "out" / "annotated.mp4").exists()
    again = judge(tmp_path, folder, outcome.content)
    assert again == replace(outcome, run_id=again.run_id)


def test_each_picture_that_is_not_as_expected_is_named(tmp_path: Path) -> None:
    folder = write_samples(tmp_path / "samples")
    write_sample(folder / "c.png", defective=False)
    write_sample(folder / "good" / "d.png", defective=True)
    (folder / "e.png").write_bytes(b"no picture")
    outcome = judge(tmp_path, folder)
    assert not outcome.passed
    assert outcome.text == (
        "2 of 4 pictures with defects are FAIL, 1 of 2 good ones are PASS: c.png is PASS; "
        "e.png is ERROR; good/d.png is FAIL"
    )


def rename(folder: Path) -> None:
    (folder / "a.png").rename(folder / "c.png")


def repaint(folder: Path) -> None:
    write_sample(folder / "a.png", defective=True, grey=181)


def remove_good(folder: Path) -> None:
    (folder / "good" / "0.png").unlink()


@pytest.mark.parametrize("change", [rename, repaint, remove_good])
def test_other_pictures_than_last_time_are_a_miss_even_if_their_verdicts_are_right(
    tmp_path: Path, change: Any
) -> None:
    folder = write_samples(tmp_path / "samples")
    before = judge(tmp_path, folder)
    change(folder)
    after = judge(tmp_path, folder, before.content)
    assert not after.passed
    assert "the pictures are not those of the last check" in after.text
    assert after.content != before.content
    assert judge(tmp_path, folder, after.content).passed


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("good/only.png", "has no picture with a defect"),
        ("good/other/x.png", "is neither in the folder itself nor in good"),
        (None, "has no picture with a defect"),
    ],
)
def test_a_folder_that_cannot_be_used_is_a_miss(
    tmp_path: Path, name: str | None, text: str
) -> None:
    folder = tmp_path / "samples"
    if name is not None:
        if "other" in name:
            write_samples(folder)
        write_sample(folder / name, defective=True)
    outcome = judge(tmp_path, folder)
    assert not outcome.passed
    assert outcome.text.startswith("the check could not be done: ")
    assert text in outcome.text
    assert outcome.run_id is None


@pytest.fixture
def options(tmp_path: Path) -> CheckOptions:
    folder = write_samples(tmp_path / "samples", good=0)
    return CheckOptions("daily", FOLDER, folder=str(folder))


def wait_for_outcome(job: FolderJob) -> CheckOutcome:
    outcomes: list[CheckOutcome | None] = []

    def is_done() -> bool:
        outcomes.append(job.poll())
        return outcomes[-1] is not None

    wait_for(is_done, 60)
    assert outcomes[-1] is not None
    return outcomes[-1]


def test_a_process_judges_the_pictures(tmp_path: Path, options: CheckOptions) -> None:
    job = FolderJob(make_line_config(tmp_path), options, None, None)
    outcome = wait_for_outcome(job)
    assert (outcome.passed, outcome.text) == (True, "2 of 2 pictures with defects are FAIL")
    assert job.folder.is_relative_to(tmp_path / "runs/checks/daily")
    assert read_records(job.folder / "inspections.jsonl")[0]["run_id"] == outcome.run_id


def test_a_process_that_dies_or_takes_too_long_is_a_miss(
    tmp_path: Path, options: CheckOptions
) -> None:
    job = FolderJob(make_line_config(tmp_path), options, None, None)
    job._process.kill()
    assert wait_for_outcome(job).text == "the process of the check ended with code -9"
    hasty = replace(options, minutes=1e-6)
    outcome = wait_for_outcome(FolderJob(make_line_config(tmp_path), hasty, None, None))
    assert (outcome.passed, outcome.text) == (False, "the check was not done within 1e-06 min")
    assert list((tmp_path / "runs/checks/daily").iterdir()) == []


def test_a_process_that_is_stopped_leaves_nothing(tmp_path: Path, options: CheckOptions) -> None:
    job = FolderJob(make_line_config(tmp_path), options, None, None)
    job.stop()
    assert list((tmp_path / "runs/checks/daily").iterdir()) == []
    assert job._process.returncode == -9


def test_the_source_whose_engine_judges_can_be_chosen(tmp_path: Path) -> None:
    sources = [
        {"name": "left", "source": {"uri": "0"}},
        {"name": "right", "source": {"uri": "1"}, "verdict": {"image_threshold": 0.8}},
    ]
    config = make_line_config(tmp_path, sources=sources, source={"max_pixels": 5000})
    values = check_config(config, "right", tmp_path / "out")
    assert values["verdict"]["image_threshold"] == 0.8
    assert not values["sources"]
    assert values["output"]["dir"] == str(tmp_path / "out")
    assert (values["source"]["uri"], values["source"]["max_pixels"]) == (None, 5000)
