"""The command line-inspector lists and runs the other commands."""

import importlib
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from inspector.command_line import CommandParser
from tools import __main__ as console
from tools.__main__ import COMMANDS, main

TOOLS = Path(console.__file__).parent


def test_help_lists_every_command_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    listed = {line[0]: line[1] for line in lines if line and line[0] in COMMANDS}
    assert listed == {name: text for name, (_, text) in COMMANDS.items()}


def test_every_tool_is_a_command() -> None:
    modules = {module for module, _ in COMMANDS.values()}
    files = {f"tools.{path.stem}" for path in TOOLS.glob("[!_]*.py")}
    assert modules == files | {"run_inspector"}


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "evaluate" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "hint"),
    [("fti", "did you mean fit?"), ("show_engin", "did you mean show-engine?"), ("zzz", "lists")],
)
def test_an_unknown_command_is_refused_with_a_hint(
    typed: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([typed]) == 2
    error = capsys.readouterr().err
    assert repr(typed) in error
    assert hint in error


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_text(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        importlib.import_module(COMMANDS[name][0])
    except ModuleNotFoundError as exc:
        pytest.skip(f"{exc.name} is not installed")
    with pytest.raises(SystemExit) as exit_info:
        main([name.replace("-", "_"), "--help"])
    assert exit_info.value.code == 0
    assert capsys.readouterr().out.startswith("usage: ")


def test_a_usage_line_names_the_command_as_it_was_typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["/somewhere/bin/line-inspector", "show-engine"])
    with pytest.raises(SystemExit):
        main(["show-engine", "--help"])
    assert capsys.readouterr().out.startswith("usage: line-inspector show-engine")


@pytest.mark.parametrize("argv", [["--version"], ["run", "--version"]])
def test_the_installed_version_is_shown(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(argv)
    except SystemExit as exc:
        assert exc.code in (0, None)
        code = 0
    assert code == 0
    assert capsys.readouterr().out == f"line-inspector {version('line-inspector')}\n"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["run", "--sorce", "a.mp4"], "unknown option --sorce; did you mean --source?"),
        (["fit", "--norml=good"], "unknown option --norml; did you mean --normal?"),
        (
            ["calibrate", "scale", "--mm-px", "1"],
            "unknown option --mm-px; did you mean --mm-per-px?",
        ),
        (["bench", "--zzz"], "unknown option --zzz; `python -m tools.bench --help` lists all"),
        (["run", "rtsp://me:hunter2@camera/1"], "unrecognized arguments: rtsp://***@camera/1"),
    ],
)
def test_a_mistyped_option_gives_one_sentence_and_the_nearest_option(
    argv: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main(argv)
    assert exit_info.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {message}")


def test_an_abbreviation_and_a_value_after_two_dashes_are_no_mistyped_options() -> None:
    parser = CommandParser(prog="x")
    parser.add_argument("--source")
    parser.add_argument("rest", nargs="*")
    assert parser.parse_args(["--sour", "a", "--", "--sorce"]).rest == ["--sorce"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["run", "--source", "a", "--source", "b"], "--source is typed twice; list several sourc"),
        (["run", "--engine", "a", "--engine=b"], "--engine is typed twice; it takes one value"),
        (["fit", "--seed", "1", "--method", "rad", "--seed", "2"], "--seed is typed twice"),
        (["train", "--method", "glass", "--data", "a", "--data", "b"], "--data is typed twice"),
        (["evaluate", "--data", "a", "--data", "a"], "--data is typed twice"),
        (["calibrate", "scale", "--mm-per-px", "1", "--mm-per-px", "2"], "--mm-per-px is typed"),
        (["simulate-defects", "--normal", "a", "--normal", "b"], "--normal is typed twice"),
        (["bench", "e.onnx", "--threads", "1", "--thre", "2"], "--threads is typed twice"),
    ],
)
def test_an_option_with_one_value_is_refused_when_it_is_repeated(
    argv: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {message}")


def test_lists_may_be_repeated_and_flags_too() -> None:
    parser = CommandParser(prog="x")
    parser.add_argument("--kinds", action="extend", nargs="+")
    parser.add_argument("--device", action="append")
    parser.add_argument("--all", action="store_true")
    argv = ["--kinds", "a", "b", "--kinds", "c", "--device", "d", "--device", "e", "--all", "--all"]
    values = parser.parse_args(argv)
    assert (values.kinds, values.device) == (["a", "b", "c"], ["d", "e"])
    assert parser.parse_args(argv) == values


def test_every_command_uses_the_parser_of_the_project() -> None:
    for path in [*TOOLS.glob("*.py"), TOOLS.parent / "inspector" / "app.py"]:
        if path.name != "_method_options.py":
            assert "argparse.ArgumentParser(\n" not in path.read_text(), path
            assert "argparse.ArgumentParser(prog" not in path.read_text(), path


@pytest.mark.parametrize(
    ("command", "method"), [("fit", "rad"), ("train", "glass"), ("import-checkpoint", "rad")]
)
def test_the_help_names_early_how_to_see_the_options_of_a_method(
    command: str, method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    before_options = capsys.readouterr().out.partition("options:")[0]
    assert f"--method {method} --help` also shows" in " ".join(before_options.split())


@pytest.mark.parametrize(("chosen", "threads"), [({}, "1"), ({"OPENBLAS_NUM_THREADS": "3"}, "3")])
def test_numpy_computes_on_one_thread_unless_the_user_sets_another_number(chosen, threads):
    others = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"}
    program = "import tools, os; print(os.environ['OPENBLAS_NUM_THREADS'])"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=others | chosen, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == threads
