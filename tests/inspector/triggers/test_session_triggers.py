"""Tests which triggers a session takes, and configurations that cannot work."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from line_rig import write_line

from inspector.config import load_config, make_config
from inspector.core.errors import ConfigError
from inspector.machine.controls import TriggerMessage
from inspector.service.line import Line
from inspector.session import Session
from inspector.triggers.gate import TriggerGate
from inspector.triggers.kinds import TriggerReceivers

MQTT = {"kind": "mqtt", "host": "127.0.0.1", "topic": "line/trigger"}


def session_of(folder: Path, **sections: Any) -> Session:
    values = {
        "source": {"uri": "synthetic", "frame_size": "64x48", "synthetic": {"frames": 2}},
        "engine": {"backend": "fake"},
        "output": {"dir": str(folder / "out"), "video": {"enabled": False}},
    }
    return Session(make_config(values | sections))


def test_triggers_without_a_source_that_uses_them_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="triggers: no source uses them"):
        session_of(tmp_path, triggers=[MQTT], parts={"enabled": True}).run()
    config = write_line(tmp_path, triggers=[MQTT])
    with pytest.raises(ConfigError, match="triggers: no source uses them"):
        Line(lambda: load_config(config, {}))


def test_a_recipe_of_a_line_may_use_the_triggers(tmp_path: Path) -> None:
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    values = {"parts": {"enabled": True, "by": "trigger"}}
    (recipes / "lid.yaml").write_text(yaml.safe_dump(values))
    config = write_line(tmp_path, triggers=[MQTT], recipes={"dir": str(recipes)})
    Line(lambda: load_config(config, {})).store.close()


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"kind": "carrier_pigeon"}, r"triggers\[0\]\.kind must be one of mqtt, modbus"),
        ({"kind": "mqtt", "host": "h"}, r"triggers\[0\]\.topic is missing"),
        (MQTT | {"topic": "line/#"}, r"triggers\[0\]\.topic must name one topic"),
        (MQTT | {"register": 1}, r"unknown key triggers\[0\]\.register"),
        ({"kind": "modbus", "host": "h"}, r"triggers\[0\]\.register is missing"),
        (
            {"kind": "modbus", "host": "h", "register": 1, "table": "file"},
            r"triggers\[0\]\.table must be one of coil, discrete_input, holding, input",
        ),
    ],
)
def test_a_wrong_entry_is_named(entry: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        TriggerReceivers([entry], TriggerGate(lambda message: True, repeat_s=1.0))


def test_a_file_takes_triggers_of_a_program_only(tmp_path: Path) -> None:
    session = session_of(tmp_path, parts={"enabled": True, "by": "trigger", "window_s": 1.0})
    answer = session.triggers.receive(TriggerMessage("A"), "plc")
    assert answer.text == "no run takes triggers now"
    session.trigger("B", 0.0)  # a program knows the times of a file
    assert session.run() == 0
    with pytest.raises(TypeError, match="no source takes triggers"):
        session.trigger("C", 0.1)  # the run has ended
    log = (tmp_path / "out" / "inspections.jsonl").read_text()
    assert '"part_id":"B"' in log
    assert '"part_id":"A"' not in log
