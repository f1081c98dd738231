"""The command refit: a candidate, its comparison, accepting it and undoing that."""

import json
from pathlib import Path

import cv2
import pytest
from engine_parts import part

from engines.engine_changes import candidate_path
from engines.spec_file import file_hash, read_spec
from tools.fit import main as fit
from tools.refit import main as refit

WHO = ["--who", "Ann", "--why", "confirmed"]


def write(folder: Path, seed: int, *, spot: bool = False) -> str:
    """A picture file of the part."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{seed}.png"
    assert cv2.imwrite(str(path), cv2.cvtColor(part(seed, spot=spot), cv2.COLOR_RGB2BGR))
    return str(path)


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An engine of five parts with its pictures."""
    folder = tmp_path_factory.mktemp("taught")
    for seed in range(5):
        write(folder / "good", seed)
    engine = folder / "part.onnx"
    argv = ["--method", "rad", "--normal", str(folder / "good"), "--out", str(engine)]
    assert fit([*argv, "--size", "96x64", "--teachable", "--no-sheet"]) == 0
    return engine


@pytest.fixture
def engine(taught: Path, tmp_path: Path) -> Path:
    for suffix in (".onnx", ".fit"):
        (tmp_path / f"part{suffix}").write_bytes(taught.with_suffix(suffix).read_bytes())
    (tmp_path / "part.pictures").symlink_to(taught.with_suffix(".pictures"))
    return tmp_path / "part.onnx"


def test_five_parts_teach_an_engine_and_more_are_added_until_it_is_undone(engine, tmp_path, capsys):
    first = engine.read_bytes()
    good, defect = write(tmp_path / "new", 5), write(tmp_path / "bad", 40, spot=True)
    assert refit([str(engine), "--normal", good, "--missed", defect]) == 0
    text = capsys.readouterr().out
    assert "added            1: 5.png" in text
    assert "6 good pictures can promise an average rate of false alarms of 14.3% at best" in text
    assert "the candidate finds 1 of 1 known defects" in text
    assert engine.read_bytes() == first

    candidate = candidate_path(engine)
    result = json.loads(candidate.with_suffix(".json").read_text())
    assert result["added"] == ["5.png"]
    assert result["comparison"]["candidate"]["good_pictures"] == 6
    assert [each["fitted"] for each in result["comparison"]["pictures"]] == [False, True]
    page = candidate.with_suffix(".html").read_text()
    assert "Missed defects" in page
    assert "http" not in page.replace("http://www.w3.org", "")

    assert refit(["--accept", str(candidate), *WHO]) == 0
    assert read_spec(engine).trained_on["count"] == 6
    assert refit([str(engine), "--normal", write(tmp_path / "new", 6)]) == 0
    assert refit(["--accept", str(candidate), *WHO]) == 0
    assert read_spec(engine).trained_on["count"] == 7
    assert refit(["--undo", str(engine), *WHO]) == 0
    assert refit(["--undo", str(engine), *WHO]) == 0
    assert engine.read_bytes() == first
    capsys.readouterr()
    assert refit(["--history", str(engine)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["accept", "accept", "undo", "undo"]
    assert all(line.endswith("Ann: confirmed") for line in lines)


def test_a_locked_line_refuses_everything_that_changes_it(engine, tmp_path, capsys):
    config = tmp_path / "config.yaml"
    config.write_text("mode: locked\n")
    good = write(tmp_path / "new", 5)
    assert refit([str(engine), "--normal", good]) == 0
    before = file_hash(engine)
    for argv in (
        [str(engine), "--normal", good],
        ["--accept", str(candidate_path(engine)), *WHO],
        ["--undo", str(engine), *WHO],
    ):
        assert refit([*argv, "--config", str(config)]) == 2
        assert "the mode is locked" in capsys.readouterr().err
    assert file_hash(engine) == before
    assert refit(["--history", str(engine), "--config", str(config)]) == 0


def test_a_locked_config_in_the_working_folder_counts(engine, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text("mode: locked\n")
    assert refit(["--undo", str(engine), *WHO]) == 2
    assert "the mode is locked" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["--normal", "x.png"], "name the engine file"),
        (["ENGINE"], "nothing to refit"),
        (["ENGINE", "--normal", "missing.png"], "missing.png"),
        (["--accept", "ENGINE", *WHO], "is no candidate"),
        (["--accept", "ENGINE", "--who", "Ann"], "why is empty"),
        (["--undo", "ENGINE", *WHO], "nothing to undo"),
        (["--undo", "missing.onnx", *WHO], "nothing to undo"),
    ],
)
def test_mistakes_are_one_sentence(engine, argv, sentence, capsys):
    assert refit([word.replace("ENGINE", str(engine)) for word in argv]) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith("error: ")
    assert sentence in message
