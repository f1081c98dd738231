"""Tests of a line whose parts a PLC triggers."""

import socket
from pathlib import Path
from typing import Any

import pytest
from line_rig import LineRig, write_line
from motion_services import free_port
from simulated_plc import ERROR, ModbusWire, SimulatedPlc
from waiting import wait_for

from inspector.service.attending import attend
from inspector.service.notify import Notifier

pytestmark = pytest.mark.services


def line_rig(folder: Path, port: int, **sections: Any) -> LineRig:
    output = {"kind": "modbus_server", "port": port, "expiry_ms": 60_000}
    parts = {"enabled": True, "by": "trigger", "frames": 1}
    rig = LineRig(write_line(folder, outputs=[output], parts=parts, **sections))
    attend(rig.line, Notifier())
    return rig


def test_a_plc_gets_the_verdicts_of_its_parts_over_a_change(tmp_path: Path) -> None:
    port = free_port()
    rig = line_rig(tmp_path, port)
    wire = ModbusWire(port)
    assert not wire.read().ready
    with rig:
        rig.wait_for_frames()
        plc = SimulatedPlc(wire)
        plc.start()
        assert all(plc.accepts(part) for part in ("1", "1", "2"))
        assert rig.ask("reload").done
        plc.start()
        assert plc.accepts("3")
        cycles = wire.words()[4]
        assert rig.ask("stop").done
        plc.wait(lambda inputs: not inputs.ready)
        wire.write_trigger("4")
        assert not wire.read().trigger_acknowledged
        assert wire.words()[4] == cycles
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    parts = [part for run in rig.runs() for part in run.of_type("part")]
    assert len(parts) == cycles
    assert len({part["part_id"] for part in parts}) == cycles
    assert [part["serial"] for part in parts] == ["1", "1", "2", "3"]


def test_a_plc_triggers_the_parts_of_a_routine_check_and_those_after_it(tmp_path: Path) -> None:
    port = free_port()
    check = {"name": "shift", "kind": "recipe", "every_h": 8, "parts": 2, "failed": 1}
    with line_rig(tmp_path, port, checks=[check], store={"enabled": True}) as rig:
        rig.wait_for_frames()
        plc = SimulatedPlc(ModbusWire(port))
        plc.start()
        assert plc.accepts("1")
        assert rig.ask("check", name="shift").done
        for part in ("2", "3"):
            plc.wait(lambda inputs: inputs.ready)
            plc.trigger(part)
            result = plc.wait_for_result()
            assert (result.part, result.verdict, result.error_code) == (part, ERROR, 25)
            plc.acknowledge()
        wait_for(lambda: not rig.line.is_changing)
        rig.wait_for_frames()
        assert plc.accepts("4")
