"""Replaces an engine file by a candidate, and takes that back, with a history of both.

Beside NAME.onnx are NAME.candidate.onnx, the proposed engine, and the folder NAME.history. It holds
every former engine, named by its sha256, and the list of changes. A change is written to the folder
before the engine file is replaced, so a process that is killed leaves the old engine or the new
one, and the next call completes the rest.
"""

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loguru import logger

from engines.spec_file import file_hash, read_checked
from inspector.core.clock import utc_now
from inspector.core.errors import ConfigError, EngineError, InspectorError
from inspector.core.files import sole_writer, write_whole
from inspector.core.schema import build

CANDIDATE: Final = ".candidate"
HISTORY: Final = ".history"
CHANGES: Final = "changes.jsonl"
PENDING: Final = "pending.json"
RECORD: Final = ".fit"
"""Suffix of the fit record (learning.fit_record). It is exchanged together with its engine."""

ACCEPT, UNDO, REDO = "accept", "undo", "redo"

REFIT: Final = "refit"
"""Key in trained_on of a candidate: from which engine file it was made."""


@dataclass(frozen=True, slots=True)
class EngineChange:
    """One exchange of an engine file. action: accept, undo, or redo (takes an undo back).
    old_sha256, new_sha256: of the file before and after."""

    utc: str
    action: str
    who: str
    why: str
    old_sha256: str
    new_sha256: str


def candidate_path(engine: Path) -> Path:
    """NAME.candidate.onnx beside NAME.onnx."""
    return engine.with_name(f"{engine.stem}{CANDIDATE}{engine.suffix}")


def engine_of(path: Path) -> Path:
    """The engine that a candidate may replace; the path itself for another engine."""
    return path.with_name(f"{path.stem.removesuffix(CANDIDATE)}{path.suffix}")


def history_folder(engine: Path) -> Path:
    """NAME.history beside NAME.onnx."""
    return engine.with_name(engine.stem + HISTORY)


@contextlib.contextmanager
def _translate_errors() -> Iterator[None]:
    """Raises EngineError for a file that cannot be read, written or removed."""
    try:
        yield
    except InspectorError:  # some of them are an OSError
        raise
    except (OSError, UnicodeDecodeError) as exc:
        raise EngineError(f"a file of the engine cannot be used: {exc}") from exc


@_translate_errors()
def accept_candidate(engine: Path, candidate: Path, who: str, why: str) -> EngineChange:
    """Puts the candidate in the place of the engine file. The candidate is gone afterwards.

    The former file goes to the history. Raises ConfigError if `who` or `why` is empty, if the
    candidate was made from another file than the present one, or if another process changes the
    engine; SpecError for a file that is no engine; EngineError if the disk fails.
    """
    _check_reason(who, why)
    spec, content = read_checked(candidate)
    base = spec.trained_on.get(REFIT, {}).get("engine_sha256")
    if base is None:
        raise ConfigError(f"{candidate} is no candidate: `line-inspector refit` makes one")
    file_hash(engine)  # refuses a missing engine before the history is created
    with sole_writer(history_folder(engine)):
        _complete(engine)
        old = file_hash(engine)
        if base != old:
            raise ConfigError(
                f"{candidate} was made from another file than the present {engine}, which somebody "
                "changed in between: refit again"
            )
        change = EngineChange(utc_now(), ACCEPT, who, why, old, _sha256(content))
        _archive_record(engine, candidate, change.new_sha256)
        _replace(engine, content, change)
    for path in (candidate, candidate.with_suffix(RECORD)):
        try:
            path.unlink(missing_ok=True)
        except OSError as exc:  # the candidate is in use all the same
            logger.warning("the accepted candidate {} cannot be removed: {}", path, exc.strerror)
    return change


@_translate_errors()
def undo_engine(engine: Path, who: str, why: str) -> EngineChange:
    """Brings back the file that the last accepted candidate replaced, byte for byte.

    Called again, it goes back one more. Raises ConfigError if `who` or `why` is empty, if there is
    nothing to undo, or if somebody else changed the engine since; EngineError if the former file is
    missing or damaged, or the disk fails.
    """
    _check_reason(who, why)
    complete_change(engine)
    if not _former(read_changes(engine)):
        raise ConfigError(f"there is nothing to undo: no accepted candidate replaced {engine}")
    with sole_writer(history_folder(engine)):
        changes = read_changes(engine)
        return _bring_back(engine, changes[-1], UNDO, _former(changes)[-1], who, why)


@_translate_errors()
def redo_engine(engine: Path, who: str, why: str) -> EngineChange:
    """Brings back the file that the last undo replaced, byte for byte. Raises ConfigError if the
    last change is no undo, otherwise the errors of undo_engine()."""
    _check_reason(who, why)
    complete_change(engine)
    changes = read_changes(engine)
    if not changes or changes[-1].action != UNDO:
        raise ConfigError(f"there is nothing to redo: the last change of {engine} is no undo")
    with sole_writer(history_folder(engine)):
        last = read_changes(engine)[-1]
        return _bring_back(engine, last, REDO, last.old_sha256, who, why)


def _bring_back(
    engine: Path, last: EngineChange, action: str, sha256: str, who: str, why: str
) -> EngineChange:
    """Puts a file of the history in the place of the engine. last: the last change."""
    present = file_hash(engine)
    if present != last.new_sha256:
        raise ConfigError(
            f"somebody changed {engine} after the last {last.action}, so another exchange would "
            f"lose that change; the former files are in {history_folder(engine)}"
        )
    stored = _stored(engine, sha256)
    try:
        content = stored.read_bytes()
    except OSError as exc:
        raise EngineError(f"the former engine {stored} cannot be read: {exc.strerror}") from exc
    if _sha256(content) != sha256:
        raise EngineError(f"the former engine {stored} is damaged: {engine} is not changed")
    change = EngineChange(utc_now(), action, who, why, present, sha256)
    _replace(engine, content, change)
    return change


@_translate_errors()
def complete_change(engine: Path) -> None:
    """Completes a change whose process was killed. Raises ConfigError while another process changes
    the engine; EngineError if the disk fails."""
    if (history_folder(engine) / PENDING).exists():
        with sole_writer(history_folder(engine)):
            _complete(engine)


@_translate_errors()
def read_changes(engine: Path) -> list[EngineChange]:
    """All changes, oldest first. Raises EngineError for a list that is damaged or cannot be
    read."""
    path = history_folder(engine) / CHANGES
    if not path.exists():
        return []
    return [_parse(path, line) for line in path.read_text(encoding="utf-8").splitlines()]


def _former(changes: list[EngineChange]) -> list[str]:
    """Hashes of the files that can be brought back, the next one last."""
    former: list[str] = []
    for change in changes:
        if change.action != UNDO:
            former.append(change.old_sha256)
        elif former:
            former.pop()
    return former


def _replace(engine: Path, content: bytes, change: EngineChange) -> None:
    """content: of the new file."""
    _archive(engine, change.old_sha256)
    pending = history_folder(engine) / PENDING
    _write(pending, json.dumps(dataclasses.asdict(change)).encode())
    write_whole(engine, content, "engine file ", EngineError)
    _complete(engine)


def _complete(engine: Path) -> None:
    """Does what follows after the engine file was replaced, if that was interrupted."""
    folder = history_folder(engine)
    pending = folder / PENDING
    if not pending.exists():
        return
    change = _parse(pending, pending.read_text(encoding="utf-8"))
    present = file_hash(engine)
    if present == change.new_sha256:
        record = folder / f"{present}{RECORD}"
        if record.exists():
            _write(engine.with_suffix(RECORD), record.read_bytes())
        else:
            engine.with_suffix(RECORD).unlink(missing_ok=True)
        changes = read_changes(engine)
        if change not in changes:
            lines = [json.dumps(dataclasses.asdict(each)) for each in (*changes, change)]
            _write(folder / CHANGES, ("\n".join(lines) + "\n").encode())
    else:
        logger.warning("the {} of {} was interrupted and did nothing", change.action, engine)
    pending.unlink()


def _archive(engine: Path, sha256: str) -> None:
    """Copies the present engine and its record to the history."""
    stored = _stored(engine, sha256)
    if not stored.exists() or file_hash(stored) != sha256:
        content = engine.read_bytes()
        if _sha256(content) != sha256:
            raise ConfigError(f"somebody changed {engine} just now: refit again")
        _write(stored, content)
    _archive_record(engine, engine, sha256)


def _archive_record(engine: Path, path: Path, sha256: str) -> None:
    """path: the engine file or the candidate, whose record is copied."""
    record = path.with_suffix(RECORD)
    if record.exists():
        _write(history_folder(engine) / f"{sha256}{RECORD}", record.read_bytes())


def _stored(engine: Path, sha256: str) -> Path:
    return history_folder(engine) / f"{sha256}{engine.suffix}"


def _write(path: Path, content: bytes) -> None:
    write_whole(path, content, "history of the engine ", EngineError)


def _parse(path: Path, text: str) -> EngineChange:
    try:
        values = json.loads(text)
    except ValueError as exc:
        raise EngineError(f"{path} is damaged: it is not JSON") from exc
    return build(EngineChange, values, EngineError, str(path))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _check_reason(who: str, why: str) -> None:
    for name, text in (("who", who), ("why", why)):
        if not text.strip():
            raise ConfigError(
                f"{name} is empty: an exchange of an engine needs a name and a reason"
            )
