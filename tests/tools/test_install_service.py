"""Tests the command install-service."""

from pathlib import Path

import pytest

from inspector.service import installing
from tools.install_service import main

CONFIG = """
source: {uri: 0}
output: {dir: "runs/{date}/{time}"}
outputs: []
log: {path: logs/inspector.log}
"""


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration, in which the command runs."""
    folder = tmp_path / "the line"
    folder.mkdir()
    (folder / "config.yaml").write_text(CONFIG)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def test_it_writes_the_unit_of_a_user_and_says_what_to_do(
    line: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--user", "--name", "left"]) == 0
    place = tmp_path / "config/systemd/user/left.service"
    text = place.read_text()
    assert f'--config "{line}/config.yaml"\n' in text
    assert f"WorkingDirectory={line}\n" in text
    assert (line / "runs").is_dir()
    assert (line / "logs").is_dir()
    output = capsys.readouterr().out
    for part in (f"wrote {place}", f"{line}/runs", "systemctl --user enable --now left"):
        assert part in output
    assert "systemd-analyze verify: " in output
    assert main(["--user", "--name", "left"]) == 0
    assert f"unchanged: {place}" in capsys.readouterr().out
    assert main(["--user", "--name", "left", "--memory-max", "2G"]) == 2
    assert "--force" in capsys.readouterr().err
    assert main(["--user", "--name", "left", "--memory-max", "2G", "--force"]) == 0
    assert "MemoryMax=2G\n" in place.read_text()


def test_a_unit_of_the_system_runs_as_an_account_that_is_not_root(
    line: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_UID", "0")
    argv = ["--system", "--output", str(tmp_path / "line.service")]
    assert main(argv) == 2
    assert "--run-as ACCOUNT is missing" in capsys.readouterr().err
    assert main([*argv, "--run-as", "nobody-of-this-name"]) == 2
    assert "there is no account nobody-of-this-name" in capsys.readouterr().err
    assert main([*argv, "--run-as", "daemon"]) == 0
    output = capsys.readouterr().out
    assert "runs as daemon in" in output
    assert "PrivateTmp is left out" in output
    text = (tmp_path / "line.service").read_text()
    assert "User=daemon\n" in text
    assert f'ReadWritePaths="{line}/logs" "{line}/runs"\n' in text


def test_a_home_with_an_engine_can_be_read(
    line: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("prefix", "base_prefix"):
        monkeypatch.setattr(installing.sys, name, "/usr")
    monkeypatch.setattr(installing.sys, "executable", "/usr/bin/python3")
    monkeypatch.setattr(installing.run_inspector, "__file__", "/usr/lib/run_inspector.py")
    argv = ["--run-as", "daemon", "--dry-run"]
    assert main(argv) == 0
    assert "ProtectHome=yes\n" in capsys.readouterr().out
    with (line / "config.yaml").open("a") as file:
        file.write("engine: {path: /home/ann/engine.onnx}\n")
    assert main(argv) == 0
    assert "ProtectHome=read-only\n" in capsys.readouterr().out


def test_a_dry_run_writes_nothing(
    line: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert main(["--user", "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("[Unit]\n")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("config", "argv", "message"),
    [
        (CONFIG, ["--name", "../../etc/x"], "--name cannot be '../../etc/x'"),
        (CONFIG, ["--name", "a\nb"], "--name cannot be"),
        (CONFIG, ["--memory-max", "lots"], "--memory-max cannot be 'lots'"),
        (CONFIG, ["--working-dir", "missing"], "is not a folder"),
        (CONFIG, ["--config", "missing.yaml"], "cannot read the configuration"),
        (CONFIG, ["--run-as", "daemon"], "--run-as is for a unit of the system"),
        ("source: {uri: 0}", [], "output.dir"),
        ('output: {dir: "runs/{time}"}', [], "source.uri: no source is named"),
        (CONFIG + "window: {show: true}", [], "a service has no display"),
        (CONFIG + "sauce: 1", [], "unknown key sauce"),
    ],
)
def test_what_cannot_run_as_a_service_is_refused(
    line: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    config: str,
    argv: list[str],
    message: str,
) -> None:
    (line / "config.yaml").write_text(config)
    assert main(["--user", *argv]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "config").exists()


def test_variables_of_the_configuration_are_named(
    line: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (line / "config.yaml").open("a") as file:
        file.write('tracking: {mqtt: {user: "${LINE_USER}", password: "${file:secret}"}}\n')
    assert main(["--user"]) == 0
    assert "the configuration uses LINE_USER: give --environment-file" in capsys.readouterr().out
    assert main(["--user", "--environment-file", "line.env", "--force"]) == 0
    assert "--environment-file" not in capsys.readouterr().out


def test_systemd_that_is_not_installed_is_said(
    line: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installing.shutil, "which", lambda _: None)
    assert main(["--user"]) == 0
    assert "systemd-analyze verify: not installed" in capsys.readouterr().out
