"""Tests that YAML with a key written twice or with endless aliases is refused everywhere."""

import re
import time
from pathlib import Path

import pytest

from calibration.store import load_calibration
from engines.roi import load_roi
from inspector.app import main
from inspector.config import load_config, parse_setting
from inspector.core.errors import CalibrationError, ConfigError
from inspector.core.yaml_text import parse_yaml, read_yaml

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(9 * ['*' + chr(97 + n)])}]\n" for n in range(8)
)
TWICE = [
    ("a: 1\nb: 2\na: 3", "line 3: the key a is written twice"),
    ("a: {b: 1, b: 2}", "line 1: the key b is written twice"),
    ("- 1\n- x: {y: 1}\n  x: 2", "line 3: the key x is written twice"),
    ('fps: 1\n"fps": 2', "line 2: the key fps is written twice"),
    ("a: &x {b: 1}\nc: *x\nb: {d: 1,\n d: 2}", "line 4: the key d is written twice"),
    ("1: a\n1: b", "line 2: the key 1 is written twice"),
    ("? a\n: 1\n? a\n: 2", "line 3: the key a is written twice"),
]
BOMBS = [
    (LAUGHS, "there are more than 100000 values"),
    ("a: &a [1, *a]", "line 1: an alias holds itself"),
    ("&a {b: *a}", "line 1: an alias holds itself"),
    ("[" * 5000, "it is not YAML"),
    ("a: [", "it is not YAML: line 1, column 5"),
    ("a: *b", "the name after * or &"),
    ("a: 1\n---\nb: 2", "it is not YAML: line 2"),
    ("!!python/object/apply:os.system [ls]", "text that begins with ! needs quotes"),
    ("a: " + "9" * 5000, "Exceeds the limit"),
    ("a: \0", "special characters are not allowed"),
]


@pytest.mark.parametrize(("text", "reason"), TWICE + BOMBS)
def test_the_reason_is_one_sentence(text: str, reason: str) -> None:
    start = time.process_time()
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        parse_yaml(text)
    assert "\n" not in str(caught.value)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(("text", "reason"), [TWICE[0], BOMBS[0]])
def test_every_reader_refuses_it(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=f"a.yaml cannot be used: .*{reason}"):
        load_config(path)
    with pytest.raises(CalibrationError, match=f"a.yaml cannot be used: .*{reason}"):
        load_calibration(path)
    with pytest.raises(ConfigError, match=f"a.yaml cannot be used: .*{reason}"):
        load_roi(path, (10, 10))
    if "\n" not in text:
        with pytest.raises(ConfigError, match=reason):
            parse_setting(f"key={text}")


def test_anchors_and_merged_keys_are_allowed() -> None:
    text = "base: &b {x: 1, y: 2}\nmore: &m {<<: *b, y: 3}\nlast: {<<: *m, x: 5}\nlist: [*b, *b]"
    values = parse_yaml(text)
    assert values["more"] == {"x": 1, "y": 3}
    assert values["last"]["x"] == 5
    assert values["list"] == 2 * [{"x": 1, "y": 2}]


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ValueError, match="larger than 256 kB"):
        read_yaml(path)
    path.write_bytes(b"a: \xff")
    with pytest.raises(ValueError, match="it is not text: line 1 is not UTF-8"):
        read_yaml(path)


@pytest.mark.parametrize(
    "text",
    [
        'password: "hunter2\nother: x',
        "password: *hunter2",
        "password: !hunter2",
        "password: !<hunter2> x",
        "a: &hunter2 1\nb: &hunter2 2\nc: *hunter2x",
        "password: %hunter2\n",
        "password: @hunter2",
        "password: `hunter2",
    ],
)
def test_a_message_shows_no_line_of_the_file(text: str) -> None:
    with pytest.raises(ValueError, match="it is not YAML") as caught:
        parse_yaml(text)
    assert "hunter2" not in str(caught.value)


def test_a_setting_is_given_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--set", "engine.threads=1", "--set", "engine.threads=2"]) == 2
    assert "sets engine.threads to two values" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (("source.fps=.nan",), "source.fps must be finite, not nan"),
        (("source.reconnect.first_s=1", "source.reconnect={max_s: 9}"), "name it last"),
        (("source.open_timeout_s=1e300",), "source.open_timeout_s must lie between 0 and 1e+06"),
        (("pipeline.stall_timeout_s=1e7",), "pipeline.stall_timeout_s must lie between"),
        (("source.reconnect.give_up_s=1e19",), "source.reconnect.give_up_s must lie between"),
        (("log.rotation_mb=1e-9",), "log.rotation_mb must lie between"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused(
    settings: tuple[str, ...], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([word for setting in settings for word in ("--set", setting)]) == 2
    assert expected in capsys.readouterr().err


def test_an_empty_text_has_no_values() -> None:
    assert parse_yaml("# nothing\n") is None
