"""Tests what a key, and checkpoints that were kept elsewhere, show about a run that was changed."""

import json
from pathlib import Path

import pytest
from evidence_runs import (
    OTHER_SECRET,
    chain_again,
    edit_lines,
    make_run,
    replace_in,
    write_key,
)

from tools.verify import main as verify

LOG = "inspections.jsonl"


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
