"""Reads a chained log once and checks each line against the line before it."""

import json
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from inspector.core.chain import LINE_SIGNATURE, LINE_TAIL, LINE_TAIL_BYTES, START, link
from inspector.core.file_hash import FileState
from inspector.evidence.signing import Key

UNREADABLE: Final = (
    *(ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError),
)
"""What a record with other content than that of a run can raise while it is read."""

ENVELOPE: Final = re.compile(
    rb'\{"type":"(\w+)","run_id":"([^"]+)","source":"([^"]+)","seq":(\d{1,18}),'
)
"""The beginning of every line."""

_CHECKPOINT: Final = b'{"type":"checkpoint",'


@dataclass(frozen=True, slots=True)
class RawLine:
    """One line of a log. content: the hashed bytes. value: its chain value; None if the line does
    not end in one. number: from 1; the line with the number n should have the seq n - 1."""

    number: int
    content: bytes
    value: str | None

    @property
    def seq(self) -> int | None:
        match = ENVELOPE.match(self.content)
        return None if match is None or self.value is None else int(match[4])


@dataclass(frozen=True, slots=True)
class CheckpointLine:
    """A checkpoint in the log. files: path -> state, None for a file that the run removed.
    signature_fits: None without a key, and for a line that does not fit the line before."""

    number: int
    frame_id: int
    files: dict[str, FileState | None]
    key_id: str | None
    signature_fits: bool | None


@dataclass(slots=True)
class LogFacts:
    """What a log contains.

    first, last: chain value of the first and of the last complete line. chained: number of lines
    with a chain value. first_break: number of the first line that does not fit the line before it;
    None if all fit.
    cut: the last line is incomplete.
    seen: those of the values in question that some line has -> number of the line.
    """

    lines: int = 0
    first: str = START
    last: str = START
    chained: int = 0
    first_break: int | None = None
    cut: bool = False
    run_id: str = ""
    source: str = ""
    checkpoints: list[CheckpointLine] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)


def read_lines(path: Path) -> Iterator[RawLine]:
    """The complete lines of a log. Raises OSError."""
    with path.open("rb", buffering=1 << 20) as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            tail = LINE_TAIL.fullmatch(line, max(0, len(line) - LINE_TAIL_BYTES))
            if tail is None:
                yield RawLine(number, line, None)
            else:
                yield RawLine(number, line[:-LINE_TAIL_BYTES], tail[1].decode())


def check_log(path: Path, key: Key | None, values: Container[str]) -> LogFacts:
    """Checks every line of a log. values: the chain values in question. Raises OSError."""
    facts = LogFacts()
    for line in read_lines(path):
        facts.lines += 1
        if line.number == 1 and (match := ENVELOPE.match(line.content)):
            facts.run_id, facts.source = match[2].decode(), match[3].decode()
        if line.value is None:
            fits = False
        else:
            facts.chained += 1
            fits = link(facts.last, line.content) == line.value and line.seq == line.number - 1
            if line.content.startswith(_CHECKPOINT):
                _add_checkpoint(facts, line, key if fits else None)
            if line.value in values:
                facts.seen[line.value] = line.number
            facts.last = line.value
            if line.number == 1:
                facts.first = line.value
        if not fits and facts.first_break is None:
            facts.first_break = line.number
    facts.cut = _ends_in_a_part(path)
    return facts


def _add_checkpoint(facts: LogFacts, line: RawLine, key: Key | None) -> None:
    """Ignores a line that was edited so that it is no checkpoint; its chain value does not fit."""
    try:
        record = json.loads(line.content + b"}")
        files = read_states(record["files"])
        checkpoint = CheckpointLine(
            line.number,
            int(record["frame_id"]),
            files,
            record["key_id"],
            None if key is None else signature_fits(facts.last, line.content, LINE_SIGNATURE, key),
        )
    except UNREADABLE:
        return
    facts.checkpoints.append(checkpoint)


def signature_fits(previous: str, content: bytes, form: re.Pattern[bytes], key: Key) -> bool:
    """Whether the content ends in a signature of this key. form: of the end."""
    match = form.search(content)
    if match is None or match[1] == b"null":
        return False
    return key.check(link(previous, content[: match.start()]), match[1].strip(b'"').decode())


def read_states(values: Any) -> dict[str, FileState | None]:
    """Path -> state. Raises one of UNREADABLE, also for a path that leads out of the folder."""
    states = {str(name): _read_state(state) for name, state in values.items()}
    for name in states:
        check_path(name)
    return states


def check_path(name: str) -> None:
    """Raises ValueError for a path that leads out of the folder."""
    if "\0" in name or name.startswith("/") or ".." in name.split("/"):
        raise ValueError(f"{name!r} is not a path in the folder of the run")


def _read_state(value: Any) -> FileState | None:
    if value is None:
        return None
    state = FileState(int(value["bytes"]), str(value["sha256"]), value.get("head"))
    if state.bytes < 0 or len(bytes.fromhex(state.sha256)) != 32:
        raise ValueError("this is not the state of a file")
    bytes.fromhex(state.head or "")
    return state


def _ends_in_a_part(path: Path) -> bool:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 1))
        return size > 0 and file.read(1) != b"\n"
