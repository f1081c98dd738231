"""Tests that every change of the results of a run is noticed and named."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from evidence_runs import OTHER_SECRET, chain_again, make_run, write_key

from inspector.core.chain import START, close_summary
from tools.verify import main as verify

LOG = "inspections.jsonl"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    key = write_key(folder / "key")
    (folder / "copies").mkdir()
    evidence = {"key_file": str(key), "checkpoint_dir": str(folder / "copies")}
    make_run(folder, frames=10, evidence=evidence)
    return folder


@pytest.fixture
def out(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original / "out", tmp_path / "out"))


def edit_lines(out: Path, change: Callable[[list[bytes]], None]) -> None:
    lines = (out / LOG).read_bytes().splitlines(keepends=True)
    change(lines)
    (out / LOG).write_bytes(b"".join(lines))


def edit_bytes(path: Path, at: int, new: bytes) -> None:
    data = bytearray(path.read_bytes())
    data[at : at + len(new)] = new
    path.write_bytes(bytes(data))


def swap(lines: list[bytes], a: int, b: int) -> None:
    lines[a], lines[b] = lines[b], lines[a]


def replace_in(lines: list[bytes], at: int, old: bytes, new: bytes) -> None:
    assert old in lines[at]
    lines[at] = lines[at].replace(old, new, 1)


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
    assert text.endswith("CHANGED: 1 findings\n")


def test_a_whole_run_is_whole_with_and_without_key_and_copies(original: Path, out: Path) -> None:
    copies = list((original / "copies").iterdir())
    assert len(copies) == 1
    assert verify([str(out)]) == 0
    assert verify([str(out), "--key", str(original / "key")]) == 0
    assert verify([str(out), "--checkpoint", str(copies[0])]) == 0
    assert verify([str(out), "--checkpoint", str(original / "out" / "summary.json")]) == 0
    value = json.loads((out / "summary.json").read_text())["chain"]
    assert verify([str(out), "--chain", value]) == 0


def cheat(out: Path) -> None:
    """Changes a verdict and the counts, and computes all chain values again without the key."""
    edit_lines(out, lambda lines: replace_in(lines, 3, b"FAIL", b"PASS"))
    chain_again(out)


def test_without_a_key_a_chain_that_was_computed_again_is_not_noticed(out: Path) -> None:
    cheat(out)
    assert verify([str(out)]) == 0


def test_with_the_key_a_chain_that_was_computed_again_is_noticed(
    original: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cheat(out)
    assert verify([str(out), "--key", str(original / "key")]) == 8
    text = capsys.readouterr().out
    assert "summary.json: unsigned (its signature is not by the key hmac-" in text
    assert f"{LOG}, line 10: unsigned" in text


def test_removing_the_signatures_is_noticed_with_the_key(
    original: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chain_again(out, unsigned=True)
    assert verify([str(out)]) == 0
    assert verify([str(out), "--key", str(original / "key")]) == 8
    assert "unsigned (it has no signature)" in capsys.readouterr().out


def test_another_key_does_not_fit(
    original: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_key(tmp_path / "other", OTHER_SECRET)
    assert verify([str(out), "--key", str(other)]) == 8
    assert "it names the key hmac-" in capsys.readouterr().out


@pytest.mark.parametrize("copy", ["checkpoints", "summary", "value"])
def test_a_copy_elsewhere_shows_a_chain_that_was_computed_again(
    copy: str, original: Path, out: Path
) -> None:
    value = json.loads((out / "summary.json").read_text())["chain"]
    arguments = {
        "checkpoints": ["--checkpoint", *map(str, (original / "copies").iterdir())],
        "summary": ["--checkpoint", str(original / "out" / "summary.json")],
        "value": ["--chain", value],
    }[copy]
    assert verify([str(out), *arguments]) == 0
    cheat(out)
    assert verify([str(out), *arguments]) == 8


def test_a_copy_elsewhere_shows_that_the_end_was_removed(
    original: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the copy the result looks like that of a run that was cut."""
    (out / "summary.json").unlink()
    edit_lines(out, lambda lines: lines.__delitem__(slice(12, None)))
    assert verify([str(out)]) == 9
    copies = [str(path) for path in (original / "copies").iterdir()]
    capsys.readouterr()
    assert verify([str(out), "--checkpoint", *copies]) == 8
    text = capsys.readouterr().out
    assert "line 19 is not as in" in text
    assert "summary.json: replaced" in text


def test_a_copy_of_another_run_is_noticed(
    original: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody replaced the folder by the results of another run."""
    other = make_run(tmp_path / "other", frames=4)
    copies = [str(path) for path in (original / "copies").iterdir()]
    assert verify([str(other), "--checkpoint", *copies]) == 8
    assert "which was not verified" in capsys.readouterr().out
