"""Tests the configuration and the shipped config.yaml."""

import subprocess
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from inspector.config import Config, load_config, parse_setting
from inspector.core.errors import ConfigError
from inspector.core.lazy import load_entry
from inspector.core.schema import build
from inspector.machine.kinds import STATE_OUTPUTS
from inspector.outputs.kinds import OUTPUTS
from inspector.outputs.sender import QueueOptions, RemoteOptions
from inspector.sources.options import CameraOptions, VideoFileOptions

SHIPPED = Path(__file__).parents[2] / "config.yaml"


def keys(cls: Any, path: str = "") -> set[str]:
    paths: set[str] = set()
    for f in fields(cls):
        value = getattr(cls, f.name)
        name = f"{path}{f.name}"
        paths |= keys(value, name + ".") if is_dataclass(value) else {name}
    return paths


def keys_of_dict(raw: dict[str, Any], path: str = "") -> set[str]:
    paths: set[str] = set()
    for name, value in raw.items():
        nested = isinstance(value, dict) and value != {}
        paths |= keys_of_dict(value, f"{path}{name}.") if nested else {path + name}
    return paths


def test_the_shipped_file_holds_every_key_with_its_default() -> None:
    assert load_config(SHIPPED) == Config()
    assert keys_of_dict(yaml.safe_load(SHIPPED.read_text())) == keys(Config())


def test_every_key_of_the_shipped_file_has_a_comment_unless_it_is_obvious() -> None:
    bare = {"seed", "first_s", "min_area_mm2", "min_length_px", "min_area_px"}
    for line in SHIPPED.read_text().splitlines():
        key, _, rest = line.strip().partition(":")
        if key and not key.startswith("#") and rest.split("#")[0].strip():
            assert "#" in rest or key in bare, line


def test_overrides_replace_values_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("engine: {threads: 3, device: cuda}\nsource:\n")
    config = load_config(path, {"engine.threads": 2, "source.uri": 0})
    assert (config.engine.threads, config.engine.device, config.source.uri) == (2, "cuda", "0")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("engine.threads=2", ("engine.threads", 2)),
        ("output.video.enabled=false", ("output.video.enabled", False)),
        ("source.uri=rtsp://u:p=w@h/x", ("source.uri", "rtsp://u:p=w@h/x")),
        ("measure.severity.length_mm=[1, 2, 3]", ("measure.severity.length_mm", [1, 2, 3])),
        ("log.path=", ("log.path", None)),
    ],
)
def test_settings_are_read_as_yaml(text: str, expected: tuple[str, Any]) -> None:
    assert parse_setting(text) == expected


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            "engin: {}",
            "c.yaml: unknown key engin; known keys here: calibration, checks, codes, engine",
        ),
        ("engine: {thraeds: 1}", "; did you mean threads?"),
        (
            "engine: {threads: 1, threads: 2}",
            "c.yaml cannot be used: line 1: the key threads is written twice",
        ),
        ("fail_on_anomaly: true\nlog:\nfail_on_anomaly: true", "line 3: the key fail_on_anomaly"),
        ("source: {frame_hw: [4, 6]}", "source.frame_hw is now called source.frame_size"),
        ("source: {frame_size: 6}", "source.frame_size must be WxH with sides between 1 and 16384"),
        ("source: {frame_size: 0x480}", "c.yaml: source.frame_size must be WxH"),
        ("measure: {severity: {length_px: [3, 2, 1]}}", "c.yaml: measure.severity.length_px must"),
        ("source: {reconnect: {first_s: 60}}", "c.yaml: source.reconnect.first_s must be above 0"),
        (
            "engine: {thread: 1}",
            "unknown key engine.thread; known keys here: allow_aspect, backend",
        ),
        ("engine: [1]", "engine must hold keys"),
        ("- 1", "must consist of lines `key: value`"),
        ("a: [", "is not YAML"),
        ("output: {video: {crf: 60}}", "output.video.crf must lie between 0 and 51, not 60"),
        ("engine: {batch: 0}", "engine.batch must lie between 1 and 32, not 0"),
        ("engine: {batch: 33}", "engine.batch must lie between 1 and 32, not 33"),
        ("engine: {batch: 2.5}", "engine.batch must be a whole number, not 2.5"),
        ("engine: {backend: tpu}", "engine.backend must be one of auto, onnx, openvino"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_frame_size_is_width_by_height() -> None:
    options = load_config(None, {"source.frame_size": "640x480"}).source
    assert options.frame_hw == (480, 640)
    assert load_config(None).source.frame_hw is None


def test_an_old_key_on_the_command_line_names_the_new_one() -> None:
    with pytest.raises(ConfigError, match=r"source\.frame_size, and is written WxH"):
        load_config(None, {"source.frame_hw": [480, 640]})


def test_a_source_receives_its_options_by_their_keys() -> None:
    keys = {"source.decode_threads": 2, "source.reconnect.first_s": 0.2, "source.fps": 5}
    options = load_config(None, keys).source
    assert isinstance(options, VideoFileOptions)
    assert isinstance(options, CameraOptions)
    assert (options.decode_threads, options.reconnect.first_s, options.fps) == (2, 0.2, 5.0)


def test_a_severity_limit_leaves_the_others_at_their_defaults() -> None:
    limits = load_config(None, {"measure.severity.length_px": [1, 2, 3]}).measure.severity
    assert limits.score_ratio == Config().measure.severity.score_ratio


def test_reading_the_configuration_loads_neither_decoders_nor_networks() -> None:
    code = (
        "import sys, inspector.config\n"
        "heavy = {'av', 'cv2', 'scipy', 'onnx', 'onnxruntime', 'torch', 'contourpy'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=SHIPPED.parent, check=True)


def test_the_commented_outputs_of_the_shipped_file_show_every_kind_with_all_keys() -> None:
    lines = SHIPPED.read_text().split("# outputs:\n")[1].split("\n\n")[0].splitlines()
    entries = yaml.safe_load("\n".join(line.removeprefix("#") for line in lines))
    kinds = OUTPUTS | STATE_OUTPUTS
    assert {entry["kind"] for entry in entries} == kinds.keys()
    common = {f.name for f in fields(RemoteOptions)} - {"kind"}
    for number, entry in enumerate(entries):
        options = load_entry(kinds[entry["kind"]]).Options
        build(options, entry, ConfigError)
        # Only the first entry shows the keys that all outputs of records have.
        hidden = common if number and entry["kind"] in OUTPUTS else set()
        assert entry.keys() == {f.name for f in fields(options)} - hidden, entry["kind"]
    assert build(QueueOptions, entries[0]["queue"], ConfigError) == QueueOptions()
    assert set(entries[0]["queue"]) == {f.name for f in fields(QueueOptions)}


def test_outputs_are_a_list_of_entries() -> None:
    config = load_config(None, {"outputs": [{"kind": "x", "port": 1}]})
    assert config.outputs == ({"kind": "x", "port": 1},)
    with pytest.raises(ConfigError, match="outputs must be a list"):
        load_config(None, {"outputs": {"kind": "x"}})
    with pytest.raises(ConfigError, match=r"outputs\[0\] must hold keys"):
        load_config(None, {"outputs": ["x"]})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no\.yaml"):
        load_config(tmp_path / "no.yaml")


@pytest.mark.parametrize("text", ["engine.threads", "=3", "a=[", ""])
def test_a_malformed_setting_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_setting(text)


def test_a_setting_below_a_value_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"fail_on_anomaly\.x"):
        load_config(None, {"fail_on_anomaly": True, "fail_on_anomaly.x": 1})


def test_the_password_is_in_neither_the_plain_values_nor_the_hash() -> None:
    config = load_config(None, {"source.uri": "rtsp://me:secret1@cam/x"})
    other = load_config(None, {"source.uri": "rtsp://me:secret2@cam/x"})
    assert "secret1" not in str(config.plain())
    assert config.sha256() == other.sha256()
    assert config.sha256() != load_config(None, {"source.uri": "rtsp://other/x"}).sha256()
