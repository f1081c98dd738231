"""Tests that every change of the results of a run is noticed and named."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from evidence_runs import edit_lines, replace_in

from inspector.core.chain import START, close_summary
from tools.verify import main as verify

LOG = "inspections.jsonl"


def edit_bytes(path: Path, at: int, new: bytes) -> None:
    data = bytearray(path.read_bytes())
    data[at : at + len(new)] = new
    path.write_bytes(bytes(data))


def swap(lines: list[bytes], a: int, b: int) -> None:
    lines[a], lines[b] = lines[b], lines[a]


def merge(lines: list[bytes], at: int) -> None:
    lines[at] = lines[at].rstrip(b"\n")


LINE_CHANGES: dict[str, tuple[Callable[[list[bytes]], None], list[str]]] = {
    "verdict": (lambda x: replace_in(x, 3, b"FAIL", b"PASS"), ["line 4: edited"]),
    "header": (lambda x: replace_in(x, 0, b'"format":2', b'"format":1'), ["line 1: edited"]),
    "chain value": (
        lambda x: x.__setitem__(5, re.sub(rb'"chain":"..', b'"chain":"zz', x[5])),
        ["line 6: edited"],
    ),
    "other chain value": (
        lambda x: x.__setitem__(5, x[5][:-67] + b"0" * 64 + b'"}\n'),
        ["line 6: edited"],
    ),
    "number": (lambda x: replace_in(x, 5, b'"seq":5,', b'"seq":7,'), ["line 6: edited"]),
    "high number": (lambda x: replace_in(x, 5, b'"seq":5,', b'"seq":99,'), ["line 6: edited"]),
    "garbage": (lambda x: x.__setitem__(5, b"garbage\n"), ["line 6: edited"]),
    "last": (lambda x: replace_in(x, -1, b"FAIL", b"PASS"), ["line 23: edited"]),
    "deleted": (lambda x: x.pop(7), ["line 8: deleted"]),
    "three deleted": (lambda x: x.__delitem__(slice(7, 10)), ["lines 8 to 10: deleted"]),
    "two places": (lambda x: (x.pop(15), x.pop(7)), ["line 8: deleted", "line 16: deleted"]),
    "header deleted": (lambda x: x.pop(0), ["line 1: deleted"]),
    "last but one deleted": (lambda x: x.pop(-2), ["line 22: deleted"]),
    "truncated": (lambda x: x.__delitem__(slice(20, None)), ["lines 21 to 23: truncated"]),
    "inserted": (lambda x: x.insert(7, x[7].replace(b"FAIL", b"PASS")), ["line 8: inserted"]),
    "repeated": (lambda x: x.insert(12, x[5]), ["line 13: inserted (it repeats another line)"]),
    "appended": (lambda x: x.append(x[3]), ["line 24: inserted (it repeats another line)"]),
    "neighbours": (lambda x: swap(x, 7, 8), ["reordered (it was line"]),
    "far apart": (
        lambda x: swap(x, 4, 12),
        ["line 5: reordered (it was line 13)", "line 13: reordered (it was line 5)"],
    ),
    "moved to the end": (
        lambda x: x.append(x.pop(6)),
        ["line 23: reordered (it was line 7)"],
    ),
    "two lines in one": (lambda x: merge(x, 7), [": edited", ": deleted"]),
    "edited and deleted": (
        lambda x: (replace_in(x, 3, b"FAIL", b"PASS"), x.pop(12)),
        ["line 4: edited", "line 13: deleted"],
    ),
    "a part behind the end": (
        lambda x: x.append(b'{"type"'),
        ["longer (there is something after its last line)"],
    ),
    "end of the last line": (lambda x: merge(x, -1), ["line 23: truncated"]),
}


@pytest.mark.parametrize("name", LINE_CHANGES)
def test_a_changed_line_is_named(name: str, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change, sentences = LINE_CHANGES[name]
    edit_lines(out, change)
    capsys.readouterr()
    assert verify([str(out)]) == 8
    text = capsys.readouterr().out
    for sentence in sentences:
        assert f"{out}: {LOG}" in text
        assert sentence in text
    named = [line for line in text.splitlines() if f"{LOG}, " in line or f"{LOG}:" in line]
    assert len(named) == len(sentences), text
    assert "summary.json" not in text


def first_picture(out: Path) -> Path:
    return sorted((out / "snapshots").iterdir())[0]


FILE_CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "cell": (
        lambda out: (out / "defects.csv").write_bytes(
            (out / "defects.csv").read_bytes().replace(b"FAIL", b"PASS", 1)
        ),
        "defects.csv, lines 1 to 2, written between the start and frame 3: changed",
    ),
    "late cell": (
        lambda out: edit_bytes(out / "defects.csv", -9, b"7"),
        "defects.csv, lines 5 to 6, written between frame 7 and the end: changed",
    ),
    "row removed": (
        lambda out: (out / "sightings.csv").write_bytes(
            b"".join((out / "sightings.csv").read_bytes().splitlines(True)[:-1])
        ),
        "sightings.csv: shorter (it has",
    ),
    "row added": (
        lambda out: (out / "sightings.csv").open("a").write("1,2,3\r\n"),
        "sightings.csv: longer (it has",
    ),
    "table removed": (lambda out: (out / "defects.csv").unlink(), "defects.csv: missing"),
    "video": (
        lambda out: edit_bytes(out / "annotated.mp4", 30_000, b"\0\1\2\3"),
        "annotated.mp4, bytes ",
    ),
    "index of the video": (
        lambda out: edit_bytes(out / "annotated.mp4", 36, b"\7"),
        "annotated.mp4, bytes 1 to 52: changed",
    ),
    "video cut": (
        lambda out: (out / "annotated.mp4").write_bytes(
            (out / "annotated.mp4").read_bytes()[:-100]
        ),
        "annotated.mp4: shorter (it has",
    ),
    "picture": (
        lambda out: edit_bytes(first_picture(out), 500, b"\x55\xaa"),
        "snapshots/frame_00000005_FAIL.jpg: changed",
    ),
    "picture of another frame": (
        lambda out: shutil.copy(sorted((out / "snapshots").iterdir())[1], first_picture(out)),
        "snapshots/frame_00000005_FAIL.jpg: ",
    ),
    "picture removed": (
        lambda out: first_picture(out).unlink(),
        "snapshots/frame_00000005_FAIL.jpg: missing",
    ),
    "picture added": (
        lambda out: (out / "snapshots" / "frame_00000004_FAIL.jpg").write_bytes(b"x"),
        "snapshots/frame_00000004_FAIL.jpg: added",
    ),
    "log removed": (lambda out: (out / LOG).unlink(), f"{LOG}: missing"),
    "summary": (
        lambda out: (out / "summary.json").write_text(
            (out / "summary.json").read_text().replace('"failed": 5', '"failed": 4')
        ),
        "summary.json: edited",
    ),
    "summary damaged": (
        lambda out: (out / "summary.json").write_text("{"),
        "summary.json: edited (it cannot be read)",
    ),
}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"head": "0', b'"head": "x'),
        (b'"sha256": "', b'"sha256": "y'),
        (b'"bytes": ', b'"bytes": -'),
        (b'"sightings.csv": {', b'"../../sightings.csv": {'),
        (b'"sightings.csv": {', b'"/etc/passwd": {'),
        (b'"files": {', b'"files": [], "other": {'),
        (b'"lines": ', b'"lines": 1e999, "other": '),
        (b"{", b"[" * 100_000),
        (b'"evidence": {', b'"evidence": 7, "other": {'),
    ],
)
def test_a_summary_with_impossible_values_was_edited(old: bytes, new: bytes, out: Path) -> None:
    path = out / "summary.json"
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))
    assert verify([str(out)]) == 8


def test_a_summary_without_evidence_was_edited(out: Path) -> None:
    """Also if somebody computed its chain value again."""
    summary = json.loads((out / "summary.json").read_bytes())
    for name in ("evidence", "signature", "chain"):
        del summary[name]
    text = json.dumps(summary, indent=2)
    for content in (text.encode(), close_summary(text, START, None)[0]):
        (out / "summary.json").write_bytes(content)
        assert verify([str(out)]) == 8


def test_the_name_of_a_file_cannot_look_like_a_result(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (out / "snapshots" / f"x\n{out.name}: whole").write_bytes(b"")
    assert verify([str(out)]) == 8
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith(f"{out}: ") for line in lines if "whole" in line)


def test_a_value_that_is_no_chain_value_is_refused(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify([str(out), "--chain", "6572baf1..."]) == 2
    assert "64 digits" in capsys.readouterr().err


def test_a_line_with_an_impossible_number_was_edited(out: Path) -> None:
    edit_lines(out, lambda lines: replace_in(lines, 5, b'"seq":5', b'"seq":' + b"5" * 5000))
    assert verify([str(out)]) == 8


@pytest.mark.parametrize("name", FILE_CHANGES)
def test_a_changed_file_is_named(name: str, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change, sentence = FILE_CHANGES[name]
    change(out)
    capsys.readouterr()
    assert verify([str(out)]) == 8
    text = capsys.readouterr().out
    assert f"{out}: {sentence}" in text
    assert text.endswith("CHANGED: 1 finding\n")
