"""Tests the command `line-inspector report`."""

from pathlib import Path

import pytest
from report_pages import visible
from report_runs import frames, scratch, write_run

from tools.report import main


def test_it_writes_the_report_into_the_folder_of_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = write_run(tmp_path / "run", frames(5, {2: (scratch(1, 3.0),)}))
    arguments = ["--product", "foil", "--lot", "L<7>", "--unit", "cm", "--limit-length-mm", "2"]
    assert main([str(folder), *arguments]) == 0
    assert capsys.readouterr().out.startswith(f"written: {folder / 'report.html'}")
    text = visible((folder / "report.html").read_text())
    assert "foil" in text
    assert "L<7>" in text
    assert "length 0.2 cm (from the section report) 0 0 1" in text


def test_a_report_is_replaced_only_with_overwrite(tmp_path: Path):
    folder = write_run(tmp_path, frames(3))
    assert main([str(folder)]) == 0
    before = (folder / "report.html").read_bytes()
    assert main([str(folder), "--lot", "2"]) == 2
    assert (folder / "report.html").read_bytes() == before
    assert main([str(folder), "--lot", "2", "--overwrite"]) == 0
    assert (folder / "report.html").read_bytes() != before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a", "b"], "--out is missing"),
        (["a", "--out", "x.pdf"], "must end in .html"),
        (["a", "--limit-length-mm", "-1"], "report.limits.length_mm must be above 0"),
        (["nothing"], "nothing is not a folder"),
    ],
)
def test_wrong_arguments_are_one_sentence(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    for name in ("a", "b"):
        write_run(tmp_path / name, frames(2))
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.strip().splitlines()) == 1


def test_several_runs_in_one_report(tmp_path: Path):
    folders = [write_run(tmp_path / name, frames(3)) for name in ("a", "b")]
    out = tmp_path / "both.html"
    assert main([*map(str, folders), "--out", str(out)]) == 0
    assert "All runs" in visible(out.read_text())
