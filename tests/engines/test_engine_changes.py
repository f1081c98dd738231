"""An engine file is exchanged for a candidate, and the former file comes back."""

import contextlib
import dataclasses
import shutil
from pathlib import Path

import pytest

from engines import engine_changes
from engines.engine_changes import (
    ACCEPT,
    CHANGES,
    PENDING,
    REDO,
    REFIT,
    UNDO,
    accept_candidate,
    candidate_path,
    complete_change,
    engine_of,
    history_folder,
    read_changes,
    redo_engine,
    undo_engine,
)
from engines.spec_file import file_hash, read_engine, write_engine
from inspector.core.errors import ConfigError, EngineError, SpecError
from inspector.core.files import sole_writer


@pytest.fixture
def engine(engine_file: Path, tmp_path: Path) -> Path:
    """An engine with its record, and no candidate."""
    path = tmp_path / "part.onnx"
    shutil.copy(engine_file, path)
    path.with_suffix(".fit").write_text("record of the engine")
    return path


def propose(engine: Path, name: str) -> Path:
    """A candidate of the present engine, with another name in its spec."""
    spec, model = read_engine(engine)
    made_from = {REFIT: {"engine_sha256": file_hash(engine)}}
    spec = dataclasses.replace(spec, name=name, trained_on=spec.trained_on | made_from)
    path = candidate_path(engine)
    write_engine(path, model, spec)
    path.with_suffix(".fit").write_text(f"record of {name}")
    return path


def test_the_candidate_takes_the_place_of_the_engine_and_undo_is_byte_identical(engine):
    before = engine.read_bytes()
    candidate = propose(engine, "second")
    after = candidate.read_bytes()
    change = accept_candidate(engine, candidate, "Ann", "new batch")
    assert engine.read_bytes() == after
    assert engine.with_suffix(".fit").read_text() == "record of second"
    assert not candidate.exists()
    assert not candidate.with_suffix(".fit").exists()
    assert (change.action, change.who, change.why) == (ACCEPT, "Ann", "new batch")
    back = undo_engine(engine, "Bob", "too strict")
    assert engine.read_bytes() == before
    assert engine.with_suffix(".fit").read_text() == "record of the engine"
    assert (back.action, back.old_sha256, back.new_sha256) == (
        UNDO,
        change.new_sha256,
        change.old_sha256,
    )
    assert read_changes(engine) == [change, back]


def test_undo_goes_back_one_candidate_at_a_time(engine):
    first = file_hash(engine)
    for name in ("second", "third"):
        accept_candidate(engine, propose(engine, name), "Ann", "more")
    assert read_engine(engine)[0].name == "third"
    undo_engine(engine, "Ann", "a")
    assert read_engine(engine)[0].name == "second"
    undo_engine(engine, "Ann", "b")
    assert file_hash(engine) == first
    with pytest.raises(ConfigError, match="nothing to undo"):
        undo_engine(engine, "Ann", "c")


def test_an_undone_engine_can_get_another_candidate_and_lose_it_again(engine):
    first = file_hash(engine)
    accept_candidate(engine, propose(engine, "second"), "Ann", "a")
    undo_engine(engine, "Ann", "b")
    accept_candidate(engine, propose(engine, "third"), "Ann", "c")
    undo_engine(engine, "Ann", "d")
    assert file_hash(engine) == first
    assert [change.action for change in read_changes(engine)] == [ACCEPT, UNDO, ACCEPT, UNDO]


def change_thresholds(engine: Path) -> None:
    spec, model = read_engine(engine)
    write_engine(engine, model, dataclasses.replace(spec, image_threshold=0.7))


def test_an_engine_that_somebody_changed_in_between_is_not_replaced(engine):
    candidate = propose(engine, "second")
    change_thresholds(engine)
    content = engine.read_bytes()
    with pytest.raises(ConfigError, match="somebody changed in between"):
        accept_candidate(engine, candidate, "Ann", "new batch")
    assert engine.read_bytes() == content
    assert candidate.exists()


def test_undo_does_not_lose_a_change_of_somebody_else(engine):
    accept_candidate(engine, propose(engine, "second"), "Ann", "new batch")
    change_thresholds(engine)
    content = engine.read_bytes()
    with pytest.raises(ConfigError, match="would lose that change"):
        undo_engine(engine, "Ann", "wrong")
    assert engine.read_bytes() == content


def test_an_engine_that_is_no_candidate_is_refused(engine, engine_file):
    with pytest.raises(ConfigError, match="is no candidate"):
        accept_candidate(engine, engine_file, "Ann", "new batch")
    with pytest.raises(SpecError, match="does not exist"):
        accept_candidate(engine, candidate_path(engine), "Ann", "new batch")
    assert not history_folder(engine).exists()


@pytest.mark.parametrize(("who", "why"), [("", "reason"), ("Ann", " ")])
def test_a_change_needs_a_name_and_a_reason(engine, who, why):
    with pytest.raises(ConfigError, match="is empty"):
        accept_candidate(engine, propose(engine, "second"), who, why)
    with pytest.raises(ConfigError, match="is empty"):
        undo_engine(engine, who, why)


def test_a_damaged_former_file_does_not_come_back(engine):
    first = file_hash(engine)
    accept_candidate(engine, propose(engine, "second"), "Ann", "new batch")
    content = engine.read_bytes()
    stored = history_folder(engine) / f"{first}.onnx"
    stored.write_bytes(stored.read_bytes()[:-1])
    with pytest.raises(EngineError, match="is damaged"):
        undo_engine(engine, "Ann", "wrong")
    stored.unlink()
    with pytest.raises(EngineError, match="cannot be read"):
        undo_engine(engine, "Ann", "wrong")
    assert engine.read_bytes() == content


def test_two_processes_do_not_change_an_engine_at_the_same_time(engine):
    candidate = propose(engine, "second")
    with sole_writer(history_folder(engine)), pytest.raises(ConfigError, match="another run"):
        accept_candidate(engine, candidate, "Ann", "new batch")
    assert read_changes(engine) == []


class Killed(BaseException):
    """The process is gone: nothing after it happens."""


@pytest.mark.parametrize("survived", range(8))
def test_a_kill_at_any_write_leaves_the_old_or_the_new_engine(engine, survived, monkeypatch):
    candidate = propose(engine, "second")
    old, new = engine.read_bytes(), candidate.read_bytes()
    written = []

    def write_until_killed(path, *arguments, **options):
        if len(written) == survived:
            raise Killed
        written.append(path)
        return write_whole(path, *arguments, **options)

    write_whole = engine_changes.write_whole
    with monkeypatch.context() as patch:
        patch.setattr(engine_changes, "write_whole", write_until_killed)
        with contextlib.suppress(Killed):
            accept_candidate(engine, candidate, "Ann", "new batch")
    complete_change(engine)
    replaced = engine in written
    assert engine.read_bytes() == (new if replaced else old)
    record = "record of second" if replaced else "record of the engine"
    assert engine.with_suffix(".fit").read_text() == record
    assert [change.action for change in read_changes(engine)] == [ACCEPT] * replaced
    if replaced:
        undo_engine(engine, "Ann", "wrong")
        assert engine.read_bytes() == old
    else:
        accept_candidate(engine, candidate, "Ann", "again")
        assert engine.read_bytes() == new


def test_the_cases_above_kill_before_and_after_the_engine_is_replaced(engine, monkeypatch):
    names = []
    write_whole = engine_changes.write_whole
    monkeypatch.setattr(
        engine_changes,
        "write_whole",
        lambda path, *rest, **options: (names.append(path), write_whole(path, *rest, **options)),
    )
    accept_candidate(engine, propose(engine, "second"), "Ann", "new batch")
    assert 0 < names.index(engine) < len(names) - 1 < 8


def test_a_damaged_history_is_named(engine):
    accept_candidate(engine, propose(engine, "second"), "Ann", "new batch")
    (history_folder(engine) / "changes.jsonl").write_text("{")
    with pytest.raises(EngineError, match="is damaged"):
        undo_engine(engine, "Ann", "wrong")


def test_the_names_of_the_files_follow_from_the_engine(tmp_path):
    engine = tmp_path / "bolt.onnx"
    assert candidate_path(engine).name == "bolt.candidate.onnx"
    assert engine_of(candidate_path(engine)) == engine
    assert engine_of(engine) == engine
    assert history_folder(engine).name == "bolt.history"


def test_an_undo_is_taken_back(engine):
    accept_candidate(engine, propose(engine, "second"), "Ann", "new batch")
    second = engine.read_bytes()
    with pytest.raises(ConfigError, match="nothing to redo"):
        redo_engine(engine, "Ann", "too early")
    undo_engine(engine, "Ann", "wrong")
    first = engine.read_bytes()
    redo_engine(engine, "Ann", "it was right")
    assert engine.read_bytes() == second
    assert engine.with_suffix(".fit").read_text() == "record of second"
    undo_engine(engine, "Ann", "wrong after all")
    assert engine.read_bytes() == first
    actions = [change.action for change in read_changes(engine)]
    assert actions == [ACCEPT, UNDO, REDO, UNDO]


def test_an_accepted_candidate_that_cannot_be_removed_is_in_use(engine, monkeypatch):
    candidate = propose(engine, "second")
    content = candidate.read_bytes()
    unlink = Path.unlink

    def refuse(path, missing_ok=False):
        if path == candidate:
            raise PermissionError(13, "Permission denied", str(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    accept_candidate(engine, candidate, "Ann", "new batch")
    assert engine.read_bytes() == content
    assert [change.action for change in read_changes(engine)] == [ACCEPT]


@pytest.mark.parametrize("name", [CHANGES, PENDING])
def test_a_file_of_the_history_that_cannot_be_read_is_named(engine, name):
    accept_candidate(engine, propose(engine, "second"), "Ann", "new batch")
    path = history_folder(engine) / name
    path.unlink(missing_ok=True)
    path.mkdir()
    with pytest.raises(EngineError, match=f"cannot be used.*{name}"):
        undo_engine(engine, "Ann", "wrong")
