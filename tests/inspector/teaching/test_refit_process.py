"""A refit works in another process of low priority."""

import os
from pathlib import Path

import cv2
import pytest
from engine_parts import part

from engines.engine_changes import candidate_path
from engines.spec_file import file_hash, read_spec
from inspector.core.errors import ConfigError, EngineError
from inspector.teaching.options import TeachingOptions
from inspector.teaching.process import PRIORITY, start_refit
from learning.fit_record import fit_record_path


@pytest.fixture
def engine(engine_file: Path, tmp_path: Path) -> Path:
    path = tmp_path / "parts.onnx"
    path.write_bytes(engine_file.read_bytes())
    fit_record_path(path).write_bytes(fit_record_path(engine_file).read_bytes())
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """The eight parts of the engine and a new one."""
    folder = tmp_path / "good"
    folder.mkdir()
    for seed in range(9):
        pixels = cv2.cvtColor(part(seed), cv2.COLOR_RGB2BGR)
        assert cv2.imwrite(str(folder / f"{seed}.png"), pixels)
    return folder


def test_it_makes_a_candidate_and_leaves_the_engine(engine, pictures):
    before = file_hash(engine)
    options = TeachingOptions(normal=(str(pictures),))
    process = start_refit(engine, mode="open", options=options)
    assert os.getpriority(os.PRIO_PROCESS, process._process.pid) == PRIORITY
    assert process.poll() is None
    outcome = process.wait(120)
    assert outcome.done, outcome.text
    assert outcome.result["added"] == ["8.png"]
    assert read_spec(outcome.candidate).trained_on["count"] == 9
    assert outcome.page.exists()
    assert file_hash(engine) == before
    assert process.last_line() == outcome.text.splitlines()[-1]
    candidate_path(engine).with_suffix(".log").write_text("INFO    refit: scores: 3 of 9, 12 s\n\n")
    assert process.last_line() == "scores: 3 of 9, 12 s"


def test_a_configuration_in_the_working_folder_does_not_count(
    engine, pictures, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text("mode: locked\n")
    process = start_refit(engine, mode="open", options=TeachingOptions(), normal=[pictures])
    assert process.wait(120).done


def test_the_reason_of_a_failure_is_returned(engine, pictures):
    (pictures / "8.png").unlink()
    outcome = start_refit(engine, mode="open", options=TeachingOptions(), normal=[pictures])
    outcome = outcome.wait(120)
    assert not outcome.done
    assert outcome.text.splitlines()[-1] == "error: nothing to refit: no new good picture"
    assert outcome.candidate is None


def test_a_refit_can_be_stopped(engine, pictures):
    process = start_refit(engine, mode="open", options=TeachingOptions(), normal=[pictures])
    with pytest.raises(EngineError, match="takes longer than 0 s"):
        process.wait(0)
    process.stop()
    outcome = process.poll()
    assert outcome is not None
    assert not outcome.done


def test_a_locked_line_starts_none(engine, pictures):
    with pytest.raises(ConfigError, match="the mode is locked"):
        start_refit(engine, mode="locked", options=TeachingOptions(), normal=[pictures])
    assert not engine.with_name("parts.candidate.log").exists()


def test_a_refit_that_cannot_write_its_log_has_a_sentence(engine):
    engine.with_name("parts.candidate.log").mkdir()
    with pytest.raises(EngineError, match=r"cannot start: .*parts\.candidate\.log"):
        start_refit(engine, mode="open", options=TeachingOptions())


def test_a_refit_has_a_time_limit(engine, pictures):
    options = TeachingOptions(minutes=1e-6)
    outcome = start_refit(engine, mode="open", options=options, normal=[pictures]).poll()
    assert (outcome.done, outcome.candidate) == (False, None)
    assert outcome.text == "the refit was not done within 1e-06 min (teaching.minutes)"


def test_a_result_that_cannot_be_read_is_a_failed_refit(engine, monkeypatch):
    process = start_refit(engine, mode="open", options=TeachingOptions())
    process._process.wait()
    monkeypatch.setattr(process._process, "returncode", 0)
    engine.with_name("parts.candidate.json").write_text("{")
    outcome = process.poll()
    assert not outcome.done
    assert outcome.text.startswith("the result of the refit cannot be read")
