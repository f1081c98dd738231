"""Reads summary.json and checks its chain value and its signature."""

import json
from dataclasses import dataclass
from typing import Any

from inspector.core.chain import (
    START,
    SUMMARY_SIGNATURE,
    SUMMARY_TAIL,
    SUMMARY_TAIL_BYTES,
    link,
)
from inspector.core.file_hash import FileState
from inspector.evidence.log_check import UNREADABLE, read_states, signature_fits
from inspector.evidence.report import Change
from inspector.evidence.signing import Key


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary.json. content: the hashed bytes. chain: its value; None if it does not end in one.

    end: number of lines and last chain value of the log. files: path -> state. sources: name ->
    chain value of the summary of a source; None if that source wrote no summary. Each is empty or
    None if the summary does not have it.
    """

    record: dict[str, Any]
    content: bytes
    chain: str | None
    end: tuple[int, str] | None
    files: dict[str, FileState | None]
    sources: dict[str, str | None]
    key_id: str | None

    @property
    def of_session(self) -> bool:
        """Whether it is the summary over several sources."""
        return "sources" in self.record


def parse_summary(data: bytes) -> Summary | None:
    """None if the text is not that of a summary.json."""
    try:
        record = json.loads(data)
        evidence = record.get("evidence") or {}
        end = (int(evidence["lines"]), str(evidence["chain"])) if "lines" in evidence else None
        files = read_states(evidence.get("files", {}))
        sources = dict(evidence.get("sources", {}))
        key_id = evidence.get("key_id")
    except UNREADABLE:
        return None
    tail = SUMMARY_TAIL.fullmatch(data, max(0, len(data) - SUMMARY_TAIL_BYTES))
    content = data[:-SUMMARY_TAIL_BYTES] if tail else data
    chain = tail[1].decode() if tail else None
    return Summary(record, content, chain, end, files, sources, key_id)


def check_summary(summary: Summary, name: str, key: Key | None) -> list[Change]:
    """Compares a chained summary with its chain value, and its signature with the key."""
    previous = START if summary.end is None else summary.end[1]
    if summary.chain is None or link(previous, summary.content) != summary.chain:
        return [Change(name, "edited")]
    if key is not None and not signature_fits(previous, summary.content, SUMMARY_SIGNATURE, key):
        return [Change(name, "unsigned", "", describe_key(summary.key_id, key))]
    return []


def describe_key(key_id: str | None, key: Key) -> str:
    """Why a signature does not fit the key."""
    if key_id is None:
        return "it has no signature"
    if key_id != key.key_id:
        return f"it names the key {key_id}, not {key.key_id}"
    return f"its signature is not by the key {key_id}"
