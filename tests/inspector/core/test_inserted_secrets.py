"""Tests that secrets come from the environment or a file and reach no log, summary or message."""

import json
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
from flow_rig import good_picture, write_clip

from inspector.app import main
from inspector.core import secrets
from inspector.core.errors import ConfigError
from inspector.core.secrets import (
    insert_secrets,
    mask_secrets,
    mask_uri,
    remember_password,
    shows_secret,
)

SECRET = "Zq7/geheim@Xw"


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    yield
    secrets._known.clear()


def test_variables_and_files_are_inserted_at_any_depth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cam").write_text(f"{SECRET}\n")
    monkeypatch.setenv("CAM_PW", "hunter2")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert insert_secrets("rtsp://u:${CAM_PW}@h/$x", "k") == "rtsp://u:hunter2@h/$x"
    outputs = ({"kind": "x", "password": "${file:cam}", "port": 3, "to": ["a", "${CAM_PW}"]},)
    inserted = insert_secrets(outputs, "outputs")
    assert inserted == ({"kind": "x", "password": SECRET, "port": 3, "to": ["a", "hunter2"]},)
    assert insert_secrets(f"${{file:{tmp_path / 'cam'}}}", "k") == SECRET
    assert insert_secrets(None, "k") is None
    assert insert_secrets("costs $5 {a} $x", "k") == "costs $5 {a} $x"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("${NO_SUCH}", r"k\.a: the environment variable NO_SUCH is not set"),
        ("${EMPTY}", r"k\.a: \$\{EMPTY\} is empty"),
        ("${file:none}", "k.a: cannot read .*none: No such file"),
        ("${file:.}", "k.a: cannot read .*: Is a directory"),
        ("${file:bin}", "k.a: cannot use .*bin: it is not a short text"),
        ("${file:empty}", r"k\.a: \$\{file:empty\} is empty"),
        ("${}", "k.a: the environment variable  is not set"),
    ],
)
def test_a_missing_secret_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setenv("EMPTY", "")
    (tmp_path / "bin").write_bytes(b"\xff\xfe")
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(ConfigError, match=sentence):
        insert_secrets({"a": text}, "k")


def test_inserted_values_are_masked_in_every_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAM_PW", SECRET)
    uri = insert_secrets("http://cam/x?t=${CAM_PW}", "source.uri")
    assert mask_uri(uri) == "http://cam/x?t=***"
    for form in (SECRET, "Zq7/geheim%40Xw", "Zq7%2Fgeheim%40Xw"):
        assert "geheim" not in mask_secrets(f"login with {form} failed")
    assert mask_secrets(mask_secrets(f"a {SECRET}")) == "a ***"


@pytest.mark.parametrize("password", ["ge heim x", "a'ge heim\"b", "ge%20heim", "heim"])
def test_the_password_of_an_opened_source_is_masked_in_tracebacks(password: str) -> None:
    uri = f"rtsp://user:{password}@127.0.0.1:1/x"
    remember_password(uri)
    for text in (f"[Errno 111] {uri!r}", f"login with {password} failed", f"{uri} broke"):
        assert "heim" not in mask_secrets(text)


@pytest.mark.parametrize(
    "uri",
    [
        "rtsp://user:a'geheim x\"b@127.0.0.1:1/x",
        "rtsp://user:${CAM_PW}@127.0.0.1:1/x",
        "http://127.0.0.1:1/x?t=${CAM_PW}",
        "rtsp://${CAM_PW}",
        "${CAM_PW}",
        "${CAM_PW}/*.png",
    ],
)
def test_no_file_and_no_line_of_a_run_shows_the_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], uri: str
) -> None:
    monkeypatch.setenv("CAM_PW", "Zq7geheimXw")
    config, log, out = tmp_path / "c.yaml", tmp_path / "log.txt", tmp_path / "out"
    config.write_text(json.dumps({"source": {"uri": uri}, "engine": {"backend": "fake"}}))
    arguments = ["--output", str(out), "--set", f"log.path={log}", "--set", "log.level=DEBUG"]
    assert main(["--config", str(config), *arguments]) == 2
    shown = "".join(capfd.readouterr())
    assert "geheim" not in shown + log.read_text()
    assert not out.exists()


def test_a_run_reads_an_inserted_source_and_stores_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIP", str(write_clip(tmp_path / "annotated.mp4", 4 * [good_picture(1)])))
    out = tmp_path / "out"
    options = ["--set", "engine.backend=fake", "--set", "log.path=null", "--output", str(out)]
    assert main(["--source", "${CLIP}", *options]) == 0
    header = json.loads((out / "inspections.jsonl").read_text().partition("\n")[0])
    assert header["config"]["source"]["uri"] == "${CLIP}"
    assert main(["--source", "${CLIP}", *options[:-1], str(tmp_path), "--overwrite"]) == 2
    assert (tmp_path / "annotated.mp4").exists()


def test_a_password_on_the_command_line_is_warned_about(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Mock(return_value=Mock(run=Mock(return_value=0)))
    monkeypatch.setattr("inspector.app.Session", session)
    fake = ["--set", "engine.backend=fake", "--set", "log.path=null"]
    for option in (["--source", "{}"], ["--set", "source.uri={}"]):
        for password, visible in (("hunter2", True), ("${CAM_PW}", False)):
            monkeypatch.setenv("CAM_PW", "hunter2")
            uri = f"rtsp://user:{password}@127.0.0.1:1/x"
            typed = [word.replace("{}", uri) for word in option]
            assert main([*typed, *fake]) == 0
            shown = capsys.readouterr().err
            assert "hunter2" not in shown
            assert ("list of processes" in shown) is visible


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("rtsp://user:abc@h", True),
        ("rtsp://user:${A}@h", False),
        ("rtsp://user:a${A}@h", True),
        ("rtsp://user@h", False),
        ("http://h/x?password=abc", True),
        ("http://h/x?password=${A}", False),
        ("rtsp://h/x", False),
        ({"outputs": [{"password": "abc"}]}, True),
        ({"outputs": [{"password": "${file:a}", "token": None}]}, False),
    ],
)
def test_a_visible_password_is_recognised(value: object, shown: bool) -> None:
    assert shows_secret(value) is shown


@pytest.mark.parametrize("text", ["u:${PW@h", "${A${PW}}", "${", "a ${B} ${C"])
def test_an_incomplete_place_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("PW", "${hunter2")
    monkeypatch.setenv("B", "hunter2")
    with pytest.raises(ConfigError, match=r"source\.uri: a \$\{ has no \}") as caught:
        insert_secrets(text, "source.uri")
    assert "hunter2" not in str(caught.value)
    assert insert_secrets("u:${PW}@h", "k") == "u:${hunter2@h"
