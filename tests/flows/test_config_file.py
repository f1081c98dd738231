"""Tests which configuration file the program reads, and its log line."""

import sys
from pathlib import Path

import pytest
from flow_rig import Inspect

from inspector.app import main

FAKE = ("--no-video", "--set", "engine.backend=fake", "--set", "source.synthetic.frames=2")


def test_the_file_in_the_working_directory_is_read(
    inspect: Inspect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text("verdict: {image_threshold: 7.5}")
    result = inspect("synthetic", None, *FAKE)
    assert result.code == 0
    assert result.summary["image_threshold"] == 7.5
    assert f"configuration file: {tmp_path / 'config.yaml'}" in result.stderr


def test_a_named_file_is_read_instead(
    inspect: Inspect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text("verdict: {image_threshold: 7.5}")
    other = tmp_path / "other.yaml"
    other.write_text("verdict: {image_threshold: 6.5}")
    result = inspect("synthetic", None, *FAKE, "--config", str(other))
    assert result.summary["image_threshold"] == 6.5
    assert f"configuration file: {other}" in result.stderr


def test_without_a_file_the_defaults_are_used_and_logged(
    inspect: Inspect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = inspect("synthetic", None, *FAKE)
    assert result.code == 0
    assert "there is no configuration file: the defaults are used" in result.stderr


def test_the_shipped_file_gives_the_results_of_the_defaults(
    inspect: Inspect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = inspect("synthetic", None, *FAKE, "--overwrite")
    summary, scores = shipped.summary, [record["score"] for record in shipped.records]
    monkeypatch.chdir(tmp_path)
    defaults = inspect("synthetic", None, *FAKE, "--overwrite")
    assert defaults.summary["config_hash"] == summary["config_hash"]
    assert [record["score"] for record in defaults.records] == scores


def test_an_error_in_the_file_names_the_file(
    inspect: Inspect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text("source: {fps: -1}")
    result = inspect("synthetic", None, *FAKE)
    assert result.code == 2
    assert result.stderr == (
        "error: config.yaml: source.fps must lie between 0.001 and 1000, not -1\n"
    )


@pytest.mark.parametrize(
    ("command", "usage"),
    [("run_inspector.py", "usage: run_inspector.py"), ("line-inspector", "line-inspector run")],
)
def test_the_usage_names_the_command_that_was_typed(
    command: str,
    usage: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", [f"/usr/bin/{command}"])
    with pytest.raises(SystemExit):
        main(["--help"])
    assert usage in capsys.readouterr().out
