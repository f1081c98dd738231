"""A line refits its engine, takes the candidate between two frames, and takes that back."""

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
from engine_parts import part
from line_rig import LIVE, LineRig, write_line
from waiting import wait_for

from engines.engine_changes import candidate_path, read_changes
from engines.spec_file import file_hash, read_engine, read_spec, write_engine
from inspector.core.errors import EngineError
from inspector.service.teaching import Teaching
from inspector.store.audit import find_changes
from learning.fit_record import fit_record_path

SOURCE = LIVE | {"frame_size": "96x64", "fps": 50}


@pytest.fixture
def engine(engine_file: Path, tmp_path: Path) -> Path:
    path = tmp_path / "parts.onnx"
    path.write_bytes(engine_file.read_bytes())
    fit_record_path(path).write_bytes(fit_record_path(engine_file).read_bytes())
    return path


def make_line(engine: Path, **sections: object) -> LineRig:
    good = engine.with_name("good")
    good.mkdir()
    for seed in range(9):
        pixels = cv2.cvtColor(part(seed), cv2.COLOR_RGB2BGR)
        assert cv2.imwrite(str(good / f"{seed}.png"), pixels)
    config = write_line(
        engine.parent,
        source=SOURCE,
        engine={"path": str(engine), "threads": 1},
        health={"outside": "ignore", "frozen_s": None},
        teaching={"normal": [str(good)]},
        **sections,
    )
    rig = LineRig(config)
    Teaching(rig.line)
    return rig


@pytest.fixture
def rig(engine: Path) -> Iterator[LineRig]:
    with make_line(engine) as running:
        running.wait_for_frames()
        yield running


def test_a_refit_an_accepted_candidate_and_its_undoing(rig, engine):
    first = engine.read_bytes()
    candidate = candidate_path(engine)
    answer = rig.ask("refit")
    assert answer.done, answer.text
    assert not rig.ask("refit").done
    assert (rig.line.refit.is_working, rig.line.refit.engine) == (True, str(engine))
    store = rig.line.store.store
    wait_for(lambda: [change.what for change in find_changes(store)] == ["refit"], 60)
    assert find_changes(store)[0].new == f"the candidate {candidate} is ready"
    refit = rig.line.state().refit
    assert (refit.is_working, refit.text) == (False, f"the candidate {candidate} is ready")
    second = candidate.read_bytes()

    answer = rig.ask("accept_engine", candidate=str(candidate))
    assert answer.done, answer.text
    assert engine.read_bytes() == second
    assert read_spec(engine).trained_on["count"] == 9
    rig.wait_for_frames()
    answer = rig.ask("undo_engine")
    assert answer.done, answer.text
    assert engine.read_bytes() == first
    rig.wait_for_frames()
    rig.finish()
    assert (rig.code, rig.error) == (0, None)

    runs = rig.runs()
    hashes = [run.records[0]["engine_hash"] for run in runs]
    assert hashes[0] == hashes[2] == file_hash(engine) != hashes[1]
    assert [change.who for change in read_changes(engine)] == ["m.weber", "m.weber"]
    for before, after in itertools.pairwise(runs):
        assert after.records[0]["continues"]["run_id"] == before.summary["run_id"]
    for run in runs:
        counts = run.summary
        assert counts["captured"] == sum(counts[n] for n in ("inspected", "dropped", "errored"))


def test_a_candidate_that_the_line_cannot_open_is_undone(rig, engine):
    first = engine.read_bytes()
    spec, model = read_engine(engine)
    made_from = {"refit": {"engine_sha256": file_hash(engine)}}
    golden = spec.golden | {"scores": [score + 1 for score in spec.golden["scores"]]}
    spec = dataclasses.replace(spec, golden=golden, trained_on=spec.trained_on | made_from)
    write_engine(candidate_path(engine), model, spec)
    answer = rig.ask("accept_engine", candidate=str(candidate_path(engine)))
    assert not answer.done
    assert "nothing was changed" in answer.text
    assert engine.read_bytes() == first
    assert [change.action for change in read_changes(engine)] == ["accept", "undo"]
    rig.wait_for_frames(6)


@pytest.mark.parametrize(
    ("kind", "arguments", "sentence"),
    [
        ("accept_engine", {"candidate": "other.candidate.onnx"}, "is no engine of the line"),
        ("accept_engine", {}, "missing key accept_engine.candidate"),
        ("undo_engine", {}, "nothing to undo"),
        ("undo_engine", {"engine": "other.onnx"}, "is no engine of the line"),
        ("refit", {"engine": [7]}, "refit.engine"),
    ],
)
def test_a_request_that_cannot_be_done_is_refused(rig, kind, arguments, sentence):
    answer = rig.ask(kind, **arguments)
    assert not answer.done
    assert sentence in answer.text


def test_a_locked_line_refuses_teaching(engine):
    with make_line(engine, mode="locked") as rig:
        for kind in ("refit", "accept_engine", "undo_engine"):
            answer = rig.ask(kind)
            assert not answer.done
            assert answer.text.startswith("the mode is locked")


def test_a_failed_refit_is_in_the_audit_trail(rig, engine):
    (engine.with_name("good") / "8.png").unlink()
    assert rig.ask("refit", engine=str(engine)).done
    store = rig.line.store.store
    wait_for(lambda: find_changes(store), 60)
    assert find_changes(store)[0].new == "error: nothing to refit: no new good picture"


def test_an_undo_that_the_line_cannot_begin_with_is_taken_back(rig, engine, monkeypatch):
    spec, model = read_engine(engine)
    made_from = {"refit": {"engine_sha256": file_hash(engine)}}
    spec = dataclasses.replace(spec, trained_on=spec.trained_on | made_from)
    write_engine(candidate_path(engine), model, spec)
    assert rig.ask("accept_engine", candidate=str(candidate_path(engine))).done
    second = engine.read_bytes()

    def refuse(*_):
        raise EngineError("no memory is free")

    with monkeypatch.context() as patch:
        patch.setattr(rig.line.sessions, "_make", refuse)
        answer = rig.ask("undo_engine")
    assert (answer.done, answer.text) == (False, "nothing was changed: no memory is free")
    assert engine.read_bytes() == second
    assert [change.action for change in read_changes(engine)] == ["accept", "undo", "redo"]
