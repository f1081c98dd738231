"""Tests the list `sources` of the configuration."""

from pathlib import Path
from typing import Any

import pytest
from flow_rig import write_config

from inspector.build import build_run
from inspector.build_runs import build_runs
from inspector.config import load_config, split_sources
from inspector.core.errors import ConfigError

ENTRY = {"name": "left", "source": {"uri": "synthetic"}}


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ([ENTRY, ENTRY], "two entries have the name left"),
        ([ENTRY, {"name": "LEFT"}], "two entries have the name LEFT"),
        ([{"name": "../left"}], r"sources\[0\].name may contain only letters"),
        ([{"name": "snapshots"}], "snapshots is the name of a result"),
        ([{"source": {}}], r"missing key sources\[0\].name"),
        ([{"name": "left", "sorce": {}}], r"unknown key sources\[0\].sorce.*did you mean source"),
        ([ENTRY | {"engine": {"thread": 1}}], "sources, left: unknown key engine.thread"),
        ([ENTRY | {"output": {"dir": "x"}}], "sources, left: output.dir cannot be set here"),
        ([{"name": "left", "source": {"frame_hw": [1, 1]}}], "now called source.frame_size"),
    ],
)
def test_a_bad_entry_is_refused(
    tmp_path: Path, entries: list[dict[str, Any]], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        split_sources(load_config(write_config(tmp_path, entries)))


def test_an_entry_overrides_single_keys_of_the_shared_sections(tmp_path: Path) -> None:
    retry = {"reconnect": {"wait_for_source": True}}
    entries = [{"name": "left", "source": {"uri": 3, **retry}}, {"name": "right"}]
    shared = {"source": {"read_timeout_s": 2, "reconnect": {"first_s": 0.2}}}
    parts = split_sources(load_config(write_config(tmp_path, entries, **shared)))
    left, right = parts["left"].source, parts["right"].source
    assert (left.uri, left.read_timeout_s, left.reconnect.first_s) == ("3", 2.0, 0.2)
    assert (left.reconnect.wait_for_source, right.reconnect.wait_for_source) == (True, False)
    assert parts["right"].output.dir == str(tmp_path / "out" / "right")


def test_a_list_of_sources_and_a_single_source_cannot_be_used_together(tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path, [ENTRY]), {"source.uri": "0"})
    with pytest.raises(ConfigError, match=r"source\.uri \(--source\) and the list sources"):
        build_runs(config)
    with pytest.raises(ConfigError, match="needs build_runs"):
        build_run(load_config(write_config(tmp_path, [ENTRY])))


def test_the_passwords_of_all_sources_are_masked(tmp_path: Path) -> None:
    entries = [{"name": "left", "source": {"uri": "rtsp://me:secret1@cam/x"}}]
    config = load_config(write_config(tmp_path, entries))
    assert "secret1" not in str(config.plain())
    assert "secret1" not in str(split_sources(config)["left"].plain())
