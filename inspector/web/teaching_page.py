"""The page on which engines learn from feedback: refit, compare, accept and undo."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from engines.engine_changes import candidate_path, read_changes
from engines.spec_file import file_hash
from inspector.core.errors import EngineError
from inspector.core.mode import LOCKED
from inspector.report.markup import Child, Markup, element
from inspector.service.line_state import LineState, RefitState
from inspector.store.feedback import MISSED
from inspector.web.layout import (
    LOCKED_NOTE,
    Visitor,
    address,
    button,
    hidden_fields,
    note,
    number,
    request_form,
    table,
    time_text,
    who_field,
    why_field,
)

PAGE_POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox"
"""Content-Security-Policy of the page of a comparison, which loads nothing and runs nothing."""


def list_engines(state: LineState) -> dict[str, list[str]]:
    """Path of each engine file of the line -> names of its cameras."""
    engines: dict[str, list[str]] = {}
    for source in state.sources:
        if source.engine is not None:
            engines.setdefault(source.engine, []).append(source.name)
    return engines


def read_comparison(engine: Path) -> bytes | None:
    """The page that compares the candidate with the engine; None without a candidate."""
    candidate = candidate_path(engine)
    if not candidate.is_file():
        return None
    try:
        return candidate.with_suffix(".html").read_bytes()
    except OSError:
        return None


def teaching_parts(state: LineState, visitor: Visitor) -> list[Child]:
    """One section per engine. Raises EngineError for a damaged list of changes."""
    engines = list_engines(state)
    locked = state.mode == LOCKED
    intro = (
        "A refit makes a candidate from the good pictures of the engine and those answered as "
        '"This was fine". It works in another process. The engine changes only when somebody '
        "accepts the candidate."
    )
    return [
        element("p", intro),
        note(LOCKED_NOTE) if locked else None,
        _refit(state.refit),
        *(
            _engine(Path(path), cameras, visitor, locked=locked)
            for path, cameras in engines.items()
        ),
        None if engines else note("The line has no engine file."),
    ]


def refit_text(refit: RefitState | None) -> str:
    """What the refit does, or its result; empty without a refit."""
    if refit is None:
        return ""
    word = "is working" if refit.is_working else "has ended"
    return f"The refit of {Path(refit.engine).name} {word}: {refit.text}."


def _refit(refit: RefitState | None) -> Markup:
    """The script keeps the sentence up to date, and loads the page again at the end."""
    is_working = refit is not None and refit.is_working
    return element(
        "section",
        element("p", refit_text(refit), id="refit", role="status", class_="note"),
        element("p", "Began ", time_text(refit.began_utc), " UTC.", class_="note")
        if refit is not None
        else None,
        element("noscript", note("Load this page again to see how far it is."))
        if is_working
        else None,
        aria_label="Refit",
        data_working="yes" if is_working else None,
    )


@lru_cache(maxsize=16)
def _hash_of_content(path: Path, size: int, changed_ns: int) -> str:
    return file_hash(path)


def hash_engine(path: Path) -> str:
    """Hash of the file. A file whose size and time are the same is not read again."""
    status = path.stat()
    return _hash_of_content(path, status.st_size, status.st_mtime_ns)


def _engine(engine: Path, cameras: list[str], visitor: Visitor, *, locked: bool) -> Markup:
    candidate = candidate_path(engine)
    has_candidate = candidate.is_file()
    changes = read_changes(engine)

    present = {"expected_engine_sha256": hash_engine(engine)} if engine.is_file() else {}
    if has_candidate:
        present["expected_candidate_sha256"] = hash_engine(candidate)

    def ask(kind: str, name: str, path: Path, text: str, *, plain: bool = False) -> Markup:
        return request_form(
            kind,
            visitor,
            *hidden_fields(**{name: path}, **present),
            who_field(visitor, disabled=locked),
            why_field(disabled=locked),
            button(text, plain=plain, disabled=locked),
            back="/teaching",
            class_="inline",
        )

    rows = (
        (time_text(change.utc), change.action, change.who, change.why)
        for change in reversed(changes)
    )
    return element(
        "section",
        element("h2", f"{engine.name} ({', '.join(cameras)})"),
        *(_candidate(engine, candidate) if has_candidate else ()),
        ask("accept_engine", "candidate", candidate, "Accept the candidate")
        if has_candidate
        else note("There is no candidate."),
        ask("refit", "engine", engine, "Make a candidate", plain=has_candidate),
        ask("undo_engine", "engine", engine, "Undo the last exchange", plain=True)
        if changes
        else None,
        table("Exchanges, the newest first", ("Time (UTC)", "What", "Who", "Why"), rows, cards=True)
        if changes
        else None,
        class_="teaching",
    )


def _candidate(engine: Path, candidate: Path) -> list[Child]:
    made = datetime.fromtimestamp(candidate.stat().st_mtime, UTC).isoformat(timespec="seconds")
    link = element(
        "a", "See what would change", href=address("/teaching/comparison", engine=engine)
    )
    texts = describe_candidate(_read_values(candidate))
    return [
        element("h3", "Candidate"),
        element("p", "Made ", time_text(made), " UTC."),
        *(element("p", text) for text in texts),
        element("p", link),
    ]


def _read_values(candidate: Path) -> Mapping[str, Any]:
    """The values that the refit wrote beside the candidate; none if it has not finished."""
    try:
        values: dict[str, Any] = json.loads(candidate.with_suffix(".json").read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        raise EngineError(f"cannot read the comparison of {candidate}: {exc}") from exc
    return values


def describe_candidate(values: Mapping[str, Any]) -> list[str]:
    """Sentences from NAME.candidate.json (docs/teaching.md)."""
    if not values:
        return ["The comparison is not ready yet. Load this page again."]
    comparison = values["comparison"]
    old, new, fails = comparison["engine"], comparison["candidate"], comparison["fails"]
    sentences = [
        f"{new['good_pictures']} good pictures instead of {old['good_pictures']}. Image threshold "
        f"{number(new['image_threshold'])} instead of {number(old['image_threshold'])}.",
        f"Of {fails['frames']} stored pictures that the candidate does not contain, "
        f"{fails['pass_to_fail']} turn from PASS to FAIL and {fails['fail_to_pass']} from FAIL to "
        "PASS.",
    ]
    lost = [p for p in comparison["pictures"] if _is_lost(p)]
    if lost:
        sentences.append(f"Warning: known defects that FAIL now and would PASS: {len(lost)}.")
    return sentences


def _is_lost(picture: Mapping[str, Any]) -> bool:
    verdicts = (picture["old_verdict"], picture["new_verdict"])
    return picture["answer"] == MISSED and verdicts == ("FAIL", "PASS")
