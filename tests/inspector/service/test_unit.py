"""Tests the text of a systemd unit, and with systemd-analyze how systemd reads it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from inspector.config import make_config
from inspector.core.errors import ConfigError
from inspector.service.installing import (
    MEMORY,
    NAME,
    find_stop_commands,
    find_writable,
    write_unit,
)
from inspector.service.unit import Unit, plain_path, quote_word

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)

HOSTILE = "a b%n\"q'$HOME ${X};#é"
"""A name of a folder with everything that has a meaning in a unit."""


def make_unit(folder: Path, **changes: object) -> Unit:
    """A unit in a folder with a hostile name; the name of its program is hostile, too."""
    place = folder / HOSTILE
    place.mkdir(parents=True, exist_ok=True)
    script = folder / "a program%n$HOME"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    values = {
        "name": "line",
        "command": [str(script), "--config", str(place / "config.yaml")],
        "working_dir": place,
        "writable": [place / "runs"],
        "account": "daemon",
    }
    return Unit(**(values | changes))  # type: ignore[arg-type]


def analyze(folder: Path, text: str, *argv: str, **variables: str) -> str:
    """The output of systemd-analyze about a unit."""
    place = folder / "line.service"
    place.write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", *argv, str(place)],
        capture_output=True,
        text=True,
        env=os.environ | variables,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@needs_systemd
@pytest.mark.parametrize("account", ["daemon", None])
def test_systemd_accepts_the_unit(tmp_path: Path, account: str | None) -> None:
    text = make_unit(tmp_path, account=account).text()
    scope = "--system" if account else "--user"
    output = analyze(tmp_path, text, scope, "verify", "--man=no", XDG_RUNTIME_DIR=str(tmp_path))
    assert "line.service" not in output


@needs_systemd
def test_systemd_accepts_the_commands_that_reject(tmp_path: Path) -> None:
    command = ["sh", "-c", "echo 50%; echo $1", HOSTILE.replace("${X}", "")]
    outputs = [{"kind": "command", "expiry_ms": 100, "command": command}, {"kind": "other"}]
    commands = find_stop_commands(make_config({"outputs": outputs}))
    text = make_unit(tmp_path, stop_commands=commands).text()
    assert "line.service" not in analyze(tmp_path, text, "verify", "--man=no", "--system")
    (line,) = re.findall("ExecStopPost=(.*)", text)
    assert line.startswith(f"-{shutil.which('sh')} -c ")
    assert line.endswith(" reject")


@pytest.mark.parametrize(
    ("command", "message"),
    [(["no-such-program"], "must begin with a program"), (["sh", "${TOKEN}"], "call a script")],
)
def test_a_command_that_cannot_reject_is_refused(command: list[str], message: str) -> None:
    outputs = [{"kind": "command", "expiry_ms": 100, "command": command}]
    with pytest.raises(ConfigError, match=message):
        find_stop_commands(make_config({"outputs": outputs}))


@needs_systemd
def test_systemd_reads_hostile_names_as_they_are(tmp_path: Path) -> None:
    unit = make_unit(tmp_path)
    text = unit.text()
    output = analyze(tmp_path, text, "verify", "--man=no", SYSTEMD_LOG_LEVEL="debug")
    place = str(tmp_path / HOSTILE)
    assert f"WorkingDirectory: {place}\n" in output
    assert f"ReadWritePaths: {place}/runs\n" in output
    command = re.search(r"Command Line: (.*--config.*)", output)
    assert command is not None
    # It shows each word with escapes. A doubled $ is a single one when it runs the command.
    shown = command[1].replace("\\", "")
    assert shown.endswith(f'{place.replace("$", "$$")}/config.yaml"')


@needs_systemd
@pytest.mark.parametrize(("account", "most"), [("daemon", 2.5), (None, 6.5)])
def test_the_unit_is_hardened(tmp_path: Path, account: str | None, most: float) -> None:
    text = make_unit(tmp_path, account=account).text()
    output = analyze(tmp_path, text, "security", "--offline=true", "--no-pager")
    exposure = re.search(r"exposure level for line\.service: ([\d.]+)", output)
    assert exposure is not None
    assert float(exposure[1]) <= most


def lines_of(unit: Unit) -> list[str]:
    return unit.text().splitlines()


def test_it_restarts_for_ever_but_not_after_codes_for_a_person(tmp_path: Path) -> None:
    lines = lines_of(make_unit(tmp_path))
    assert {"Restart=always", "StartLimitIntervalSec=0", "RestartPreventExitStatus=5 6"} < set(
        lines
    )
    assert {"Type=notify", "WatchdogSec=30", "MemoryMax=80%", "KillSignal=SIGTERM"} < set(lines)
    assert lines.index("StartLimitIntervalSec=0") < lines.index("[Service]")


@pytest.mark.parametrize(
    ("place", "home", "private"),
    [("/srv/line", "yes", True), ("/home/ann/line", "read-only", True), ("/tmp/x", "yes", False)],
)
def test_homes_and_temporary_files_stay_reachable(place: str, home: str, private: bool) -> None:
    folder = Path(place)
    unit = Unit(
        name="line",
        command=["/usr/bin/true"],
        working_dir=folder,
        writable=[folder / "runs"],
        account="daemon",
    )
    lines = lines_of(unit)
    assert f"ProtectHome={home}" in lines
    assert ("PrivateTmp=yes" in lines) == private


@pytest.mark.parametrize("text", ["/a'b", '/a"b', "/a\\b", "/a\nb"])
def test_a_program_that_systemd_does_not_start_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"quotes or backslashes|control character"):
        make_unit(tmp_path, command=[text]).text()


def test_a_unit_of_a_user_has_no_account_and_no_folders(tmp_path: Path) -> None:
    text = make_unit(tmp_path, account=None).text()
    for key in ("User=", "ReadWritePaths=", "ProtectSystem=", "CacheDirectory="):
        assert key not in text
    assert "WantedBy=default.target" in text


@pytest.mark.parametrize("text", ["a\nExecStart=/bin/rm", "a\tb", "a\x00", "a\x1b"])
def test_control_characters_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="control character"):
        quote_word(text)
    with pytest.raises(ConfigError, match="control character"):
        plain_path(Path(text))


@pytest.mark.parametrize("text", ["a\\", "a "])
def test_a_path_that_would_join_two_lines_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="last character"):
        plain_path(Path(text))


@pytest.mark.parametrize("text", ["", "../x", "a b", "a.service", "-a", "a/b", "a\n", "x" * 65])
def test_names_that_are_refused(text: str) -> None:
    assert not NAME.fullmatch(text)


@pytest.mark.parametrize(
    ("text", "fits"),
    [("4G", True), ("80%", True), ("100%", True), ("infinity", True), ("123456", True)]
    + [(text, False) for text in ("0", "-1", "4g", "101%", "0%", "4G\nUser=root", "", "lots")],
)
def test_sizes_of_the_memory(text: str, fits: bool) -> None:
    assert bool(MEMORY.fullmatch(text)) == fits


def test_the_folders_that_a_run_writes(tmp_path: Path) -> None:
    config = make_config(
        {
            "output": {"dir": "runs/{date}/{time}"},
            "store": {"path": "data/store.sqlite"},
            "outputs": [{"kind": "x"}, {"kind": "y", "queue": {"dir": "/var/spool/line"}}],
            "evidence": {"checkpoint_dir": "/mnt/copies"},
            "engine": {"plan_dir": "runs/plans"},
            "log": {"path": "logs/inspector.log"},
        }
    )
    expected = ["/mnt/copies", "/var/spool/line", "/w/artifacts/outbox", "/w/data", "/w/logs"]
    assert find_writable(config, Path("/w"), is_system=True) == [
        *map(Path, expected),
        Path("/w/runs"),
    ]


def test_a_different_unit_stays_without_force(tmp_path: Path) -> None:
    place = tmp_path / "line.service"
    assert write_unit(place, "first", force=False)
    assert not write_unit(place, "first", force=False)
    with pytest.raises(ConfigError, match="--force"):
        write_unit(place, "second", force=False)
    assert place.read_text() == "first"
    assert write_unit(place, "second", force=True)
    assert place.read_text() == "second"


@pytest.mark.parametrize(("mode", "is_writable"), [("open", True), ("locked", False)])
def test_a_line_writes_beside_its_engines_unless_it_is_locked(mode: str, is_writable: bool) -> None:
    values = {"engine": {"path": "engines/bolt.onnx"}, "service": {"enabled": True}, "mode": mode}
    folders = find_writable(make_config(values), Path("/w"), is_system=True)
    assert (Path("/w/engines") in folders) == is_writable
